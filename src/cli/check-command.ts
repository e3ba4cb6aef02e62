/** `tutti check`: everything that can be known of an app without starting it. */
import { relative } from 'node:path';
import { isTuttiError } from '../core/errors.ts';
import { startLevels } from '../core/graph.ts';
import { fillOptions } from '../core/options.ts';
import type { AppDefinition } from '../define/app.ts';
import { configInvalid, loadApp, resolveAppFile } from '../define/load-app.ts';
import type { AppManifest } from '../define/manifest.ts';
import { gatewayOptions } from '../define/options.ts';
import { replicasText } from '../define/replicas.ts';
import { readManifest } from '../define/read-manifest.ts';
import type { CommandSpec, Invocation } from './command.ts';
import type { Io } from './io.ts';
import { jsonText } from './io.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import { jsonOption } from './shared-options.ts';
import { renderTable } from './table.ts';

interface CheckedGateway {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Undefined: all. */
  readonly services: readonly string[] | undefined;
}

interface Checked {
  readonly file: string;
  readonly app: AppDefinition;
  readonly manifest: AppManifest;
  /** Names of services, those that start first first. */
  readonly levels: readonly (readonly string[])[];
  readonly routes: readonly { readonly method: string; readonly path: string; readonly action: string }[];
  readonly gateways: readonly CheckedGateway[];
}

/** @throws {TuttiError} `CONFIG_INVALID` with every problem at once. */
async function examine(appFile: string): Promise<Checked> {
  const app = await loadApp(appFile);
  const { manifest, problems } = await readManifest(app, appFile);
  const file = relative(process.cwd(), appFile);
  if (problems.length > 0) throw configInvalid(file, problems);
  const manifests = Object.values(manifest.services);
  const routes = manifests.flatMap((service) =>
    Object.entries(service.actions).flatMap(([action, { http }]) =>
      http === undefined
        ? []
        : [{ method: http.method, path: http.path, action: `${service.name}.${action}` }],
    ),
  );
  const gateways = Object.entries(app.gateways ?? {}).map(([name, { host, port, services }]) => {
    const filled = fillOptions(gatewayOptions, { host, port });
    return { name, host: filled.host, port: filled.port, services };
  });
  const levels = startLevels(new Map(manifests.map(({ name, needs }) => [name, needs])));
  return { file, app, manifest, levels, routes, gateways };
}

function serviceTable({ app, manifest, levels }: Checked, io: Io): string[] {
  const columns = ['STARTS', 'SERVICE', 'VERSION', 'REPLICAS', 'NEEDS'].map((title) => ({ title }));
  const rows = levels.flatMap((names, level) =>
    names.map((name) => {
      const { version = '', needs = [] } = manifest.services[name] ?? {};
      const replicas = replicasText(app.services[name]?.replicas);
      return [level === 0 ? 'first' : `then ${String(level + 1)}`, name, version, replicas, needs.join(', ')];
    }),
  );
  return renderTable({ columns, rows }, io.paint);
}

function gatewayLine({ name, host, port, services }: CheckedGateway): string {
  const where = `gateway ${name} on ${host}:${port === 0 ? 'any free port' : String(port)}`;
  return services === undefined ? where : `${where}, for ${services.join(', ')}`;
}

function summary(checked: Checked, io: Io): string {
  const { app, file, routes, gateways } = checked;
  const columns = ['ROUTE', '', 'ACTION'].map((title) => ({ title }));
  const routeRows = routes.map(({ method, path, action }) => [method, path, action]);
  const urls = gateways.map(gatewayLine);
  const lines = [
    ...serviceTable(checked, io),
    ...(routes.length === 0 ? [] : ['', ...renderTable({ columns, rows: routeRows }, io.paint)]),
    ...(urls.length === 0 ? [] : ['', ...urls]),
  ];
  return [
    `${io.paint('green', 'ok')} ${file} (${app.name}) can be started`,
    '',
    ...lines.map((line) => (line === '' ? '' : `  ${line}`)),
  ].join('\n');
}

const view = ({ file, app, manifest, levels, routes, gateways }: Checked): object => ({
  ok: true,
  file,
  app: app.name,
  services: Object.values(manifest.services).map(({ name, version, needs, mayCall }) => ({
    name,
    version,
    needs,
    mayCall,
    replicas: app.services[name]?.replicas ?? 1,
  })),
  levels,
  routes,
  gateways,
});

async function check({ args, options, io }: Invocation): Promise<Outcome> {
  const appFile = resolveAppFile(args[0] ?? options.app, process.cwd());
  try {
    const checked = await examine(appFile);
    io.out(options.json === true ? jsonText(view(checked)) : summary(checked, io));
    return exit('ok');
  } catch (error) {
    if (options.json !== true || !isTuttiError(error, 'CONFIG_INVALID')) throw error;
    io.out(
      jsonText({
        ok: false,
        file: relative(process.cwd(), appFile),
        problems: error.data['lines'] ?? [error.message],
      }),
    );
    return exit('configInvalid');
  }
}

export const checkCommand: CommandSpec = {
  name: 'check',
  summary: 'Find what is wrong with an app without starting it',
  details:
    'Settings, options, modules, configurations, needs and cycles, routes that clash: all at once, exit code 3.',
  arguments: [{ syntax: '[file]', words: 'the app file; default: tutti.ts, .js or .mjs here or above' }],
  options: [jsonOption],
  examples: [
    { line: 'tutti check', words: 'before a commit, or in CI' },
    { line: 'tutti check apps/shop/tutti.ts', words: 'another app file' },
  ],
  run: check,
};
