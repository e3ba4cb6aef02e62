/**
 * The OpenAPI 3.1 document of an app, from its manifest. Pure; made again when the manifest changes.
 */
import { hasContent } from '../../core/content-type.ts';
import type { ActionManifest, AppManifest, RouteManifest, ServiceManifest } from '../../define/manifest.ts';
import type { JsonSchema } from '../../define/schema.ts';
import { propertiesOf, requiredOf } from './json-schema.ts';
import { hoistSchema } from './hoist-schema.ts';
import type { Components } from './hoist-schema.ts';
import { problemSchema, systemPaths } from './system-paths.ts';

type Json = Record<string, unknown>;

const jsonContent = (schema: unknown): Json => ({ 'application/json': { schema } });
const problemContent = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };

export function openApiDocument(manifest: AppManifest): Json {
  const schemas: Components = { Problem: problemSchema };
  const paths: Record<string, Json> = { ...systemPaths };
  const services = Object.values(manifest.services);
  for (const service of services) {
    for (const [name, action] of Object.entries(service.actions)) {
      if (action.http === undefined) continue;
      const path = action.http.path.replaceAll(/:([A-Za-z0-9_]+)/g, '{$1}');
      paths[path] = {
        ...paths[path],
        [action.http.method.toLowerCase()]: operation({ service, name, action, http: action.http }, schemas),
      };
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: manifest.app,
      version: services.map(({ name, version }) => `${name} ${version}`).join(', ') || '-',
    },
    servers: [{ url: '/' }],
    tags: services.map(({ name }) => ({ name })),
    paths,
    components: {
      schemas,
      responses: { Problem: { description: 'Anything else', content: problemContent } },
    },
  };
}

interface Operation {
  readonly service: ServiceManifest;
  readonly name: string;
  readonly action: ActionManifest;
  readonly http: RouteManifest;
}

function operation({ service, name, action, http }: Operation, schemas: Components): Json {
  const operationId = `${service.name}.${name}`;
  const input = hoistSchema(action.input, `${operationId}.input`, schemas);
  const pathNames = [...http.path.matchAll(/:([A-Za-z0-9_]+)/g)].map((match) => match[1] ?? '');
  const hasBody = http.method !== 'GET' && http.method !== 'DELETE';
  const { stream } = action;
  // The body of what takes items is these; the input is in the address then.
  const takesItems = stream?.items !== undefined;
  const parameters = parametersOf(input, { pathNames, hasBody: hasBody && !takesItems });
  const body = hasBody && !takesItems ? bodySchema(input, pathNames) : undefined;
  return {
    operationId,
    tags: [service.name],
    ...(action.summary === undefined ? {} : { summary: action.summary }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : { requestBody: { required: requiredOf(body).size > 0, content: jsonContent(body) } }),
    ...(takesItems && hasBody ? { requestBody: linesBody(action, operationId, schemas) } : {}),
    responses: responses({ service, name, action, http }, schemas),
  };
}

/** One JSON text per line: the schema is that of a line. */
const linesBody = ({ stream }: ActionManifest, operationId: string, schemas: Components): Json => ({
  required: false,
  content: {
    'application/x-ndjson': { schema: hoistSchema(stream?.items ?? {}, `${operationId}.item`, schemas) },
  },
});

/** What comes one by one; the schema is that of one. A two-way stream is a WebSocket, which OpenAPI has no words for. */
function itemsContent(
  { stream }: ActionManifest,
  operationId: string,
  schemas: Components,
): Json | undefined {
  if (stream?.yields === undefined) return undefined;
  const schema = hoistSchema(stream.yields, `${operationId}.yield`, schemas);
  return { 'text/event-stream': { schema }, 'application/x-ndjson': { schema } };
}

function parametersOf(
  input: JsonSchema,
  about: { readonly pathNames: readonly string[]; readonly hasBody: boolean },
): Json[] {
  const properties = propertiesOf(input);
  const schemaOf = (name: string): JsonSchema => properties.get(name)?.[0] ?? { type: 'string' };
  const inPath = about.pathNames.map((name) => ({
    name,
    in: 'path',
    required: true,
    schema: schemaOf(name),
  }));
  if (about.hasBody) return inPath;
  const required = requiredOf(input);
  const queryNames = [...properties.keys()].filter((name) => !about.pathNames.includes(name));
  return [
    ...inPath,
    ...queryNames.map((name) => ({
      name,
      in: 'query',
      required: required.has(name),
      schema: schemaOf(name),
    })),
  ];
}

/** The input without what the path gives; undefined when nothing is left of it. */
function bodySchema(input: JsonSchema, pathNames: readonly string[]): JsonSchema | undefined {
  if (propertiesOf(input).size === 0 && input['additionalProperties'] === false) return undefined;
  if (pathNames.length === 0) return input;
  const properties = Object.entries((input['properties'] ?? {}) as Json).filter(
    ([name]) => !pathNames.includes(name),
  );
  if (properties.length === 0) return undefined;
  const required = [...requiredOf(input)].filter((name) => !pathNames.includes(name));
  return { ...input, properties: Object.fromEntries(properties), required };
}

function responses({ service, name, action, http }: Operation, schemas: Components): Json {
  const items = itemsContent(action, `${service.name}.${name}`, schemas);
  if (items !== undefined) {
    const success =
      action.stream?.items === undefined
        ? { '200': { description: 'Items, one by one', content: items } }
        : { '101': { description: 'A WebSocket: items both ways, one JSON text per message' } };
    return { ...success, ...domainErrors(service), default: { $ref: '#/components/responses/Problem' } };
  }
  const body = http.body === undefined ? action.output : (http.body ?? undefined);
  const schema = body === undefined ? {} : hoistSchema(body, `${service.name}.${name}.output`, schemas);
  const content =
    http.contentType === undefined ? jsonContent(schema) : { [http.contentType]: typedSchema(http) };
  const success = hasContent(http.status) ? { content } : {};
  return {
    [String(http.status)]: { description: 'Success', ...success },
    ...domainErrors(service),
    default: { $ref: '#/components/responses/Problem' },
  };
}

/** Bytes have no schema. */
const typedSchema = ({ contentType = '' }: RouteManifest): Json =>
  contentType.startsWith('text/') ? { schema: { type: 'string' } } : {};

/** Any action of a service may end in any of its errors: types say no more. */
function domainErrors(service: ServiceManifest): Json {
  const byStatus = new Map<number, string[]>();
  for (const [code, { http, text }] of Object.entries(service.errors))
    byStatus.set(http, [...(byStatus.get(http) ?? []), `${code}: ${text}`]);
  return Object.fromEntries(
    [...byStatus].map(([status, texts]) => [
      String(status),
      { description: texts.join('; '), content: problemContent },
    ]),
  );
}
