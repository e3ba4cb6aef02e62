/**
 * What every gateway serves itself: health, services, metrics, the OpenAPI document and its page.
 * Gives answers; the request handler sends them. Refuses nothing but unknown names.
 */
import { TuttiError } from '../../core/errors.ts';
import type { AppManifest } from '../../define/manifest.ts';
import type { SystemRuntime } from '../../mesh/runtime.ts';
import { exposition, expositionType } from '../../telemetry/exposition.ts';
import type { MetricFamily } from '../../core/metric.ts';
import { statusFamilies } from '../../core/status-metrics.ts';
import { jsonAnswer } from './answer.ts';
import type { Answer } from './answer.ts';
import { DocsPage } from './docs-page.ts';
import { openApiDocument } from './openapi.ts';
import type { RouteParams } from './route-input.ts';
import { dataHeaders, pageHeaders } from './security-headers.ts';
import { appHealthReport, healthReport, servicesReport } from './services-report.ts';

/** Names to paths; all GET. `define/reserved-routes.ts` keeps all but `/` from users. */
export const systemRoutes = {
  index: '/',
  health: '/health',
  liveness: '/health/liveness',
  readiness: '/health/readiness',
  services: '/services',
  serviceHealth: '/services/:name/health',
  metrics: '/metrics',
  openapi: '/openapi.json',
  docs: '/docs',
  docsFile: '/docs/*',
} as const;

export type SystemRouteName = keyof typeof systemRoutes;
export type AnswerSystemRoute = (name: SystemRouteName, params: RouteParams) => Promise<Answer>;
type Answers = Readonly<Record<SystemRouteName, (params: RouteParams) => Answer | Promise<Answer>>>;

const scrapeMs = 1_000;

export interface SystemRoutesNeeds {
  readonly runtime: SystemRuntime;
  /** As far as it is served here. */
  readonly manifest: () => AppManifest;
  readonly isDraining: () => boolean;
}

export function makeSystemRoutes({
  runtime,
  manifest: served,
  isDraining,
}: SystemRoutesNeeds): AnswerSystemRoute {
  const docs = new DocsPage(runtime.app);
  let document: { readonly of: unknown; readonly body: Buffer } | undefined;
  const openapi = (): Buffer => {
    const manifest = served();
    if (document?.of !== manifest)
      document = { of: manifest, body: Buffer.from(JSON.stringify(openApiDocument(manifest))) };
    return document.body;
  };
  const answers: Answers = {
    index: () =>
      json(200, {
        app: runtime.app,
        docs: '/docs',
        openapi: '/openapi.json',
        health: '/health',
        services: '/services',
        metrics: '/metrics',
      }),
    health: () => health(runtime),
    liveness: () => json(200, { status: 'alive' }),
    readiness: () => {
      if (isDraining()) return json(503, { status: 'not ready', message: 'This gateway is stopping' });
      const isStarted = runtime.registry.revision > 0;
      return isStarted
        ? json(200, { status: 'ready' })
        : json(503, { status: 'not ready', message: 'No word of the supervisor yet' });
    },
    services: () => json(200, servicesReport(statusOf(runtime), Date.now())),
    serviceHealth: ({ name = '' }) => {
      const report = healthReport(statusOf(runtime), name);
      if (report === undefined) throw new TuttiError('NOT_FOUND', { what: `Service ${name.slice(0, 100)}` });
      return json(200, report);
    },
    metrics: async () => ({
      status: 200,
      headers: dataHeaders,
      contentType: expositionType,
      body: Buffer.from(await metricsText(runtime)),
    }),
    openapi: () => jsonAnswer(200, openapi()),
    docs: () => docsFile(docs, ''),
    docsFile: (params) => docsFile(docs, params['*'] ?? ''),
  };
  return async (name, params) => answers[name](params);
}

const json = (status: number, value: object): Answer =>
  jsonAnswer(status, Buffer.from(JSON.stringify(value)));

async function docsFile(docs: DocsPage, name: string): Promise<Answer> {
  const file = await docs.file(name);
  if (file === undefined) throw new TuttiError('NOT_FOUND', { what: 'This page of the docs' });
  return { status: 200, headers: pageHeaders, ...file };
}

function health(runtime: SystemRuntime): Answer {
  const report = appHealthReport({
    services: Object.keys(runtime.manifest().services),
    status: runtime.status(),
    readyInstances: (name) => runtime.registry.service(name)?.instances.length ?? 0,
  });
  return json(report.status === 'unhealthy' ? 503 : 200, report);
}

function statusOf(runtime: SystemRuntime): NonNullable<ReturnType<SystemRuntime['status']>> {
  const status = runtime.status();
  if (status === undefined)
    throw new TuttiError('NO_INSTANCE', { message: 'The supervisor has not said yet who runs' });
  return status;
}

/** Each series says which service and which instance it is of: two instances never write the same one. */
async function metricsText(runtime: SystemRuntime): Promise<string> {
  const families: MetricFamily[] = [];
  for (const { instance, service, metrics } of await runtime.collectMetrics(scrapeMs)) {
    for (const family of metrics) {
      const samples = family.samples.map((sample) => ({
        ...sample,
        labels: { service, instance, ...sample.labels },
      }));
      families.push({ ...family, samples });
    }
  }
  const status = runtime.status();
  if (status !== undefined) families.push(...statusFamilies(status, Date.now()));
  const shared = Object.entries(status?.shared ?? {});
  const samples = shared.map(([name, value]) => ({ labels: { name }, value }));
  families.push({
    name: 'tutti_shared',
    help: 'Counters and gauges that the whole app shares.',
    type: 'gauge',
    samples,
  });
  return exposition(families);
}
