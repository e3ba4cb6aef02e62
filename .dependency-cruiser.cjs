/**
 * The arrows between the folders of src/. One row per folder says what it may import; everything else is refused.
 * Type imports count: a type that crosses a wall couples as much as a value. Run by scripts/arrows.ts.
 */

/** folder -> [why, ...what it may import beside itself] */
const rows = {
  core: ['core is pure rules and stands on nothing'],
  define: ['what a user writes is checked before anything runs', 'core'],
  os: ['this machine, seen by those who decide nothing', 'core'],
  telemetry: ['whoever counts must not need what it counts', 'core'],
  mesh: ['messages know neither programs nor stores', 'core', 'define', 'telemetry', 'os'],
  stores: ['a store is reached by calls and knows no mesh', 'core', 'define', 'telemetry', 'os'],
  host: ['one definition runs in any program, also in a test', 'core', 'define', 'os', 'telemetry', 'mesh'],
  'processes/keeper': ['the keeper is too small to fail', 'core', 'os'],
  'processes/supervisor': [
    'the supervisor decides and carries no request',
    'core',
    'define',
    'os',
    'telemetry',
    'mesh',
  ],
  'processes/instance': [
    'an instance runs the module it is told to run',
    'core',
    'define',
    'host',
    'os',
    'telemetry',
    'mesh',
  ],
  cli: ['the command talks to the admin socket and nothing else', 'core', 'define', 'os'],
  testing: [
    'the test kit starts programs, it does not import them',
    'core',
    'define',
    'os',
    'telemetry',
    'host',
    'mesh',
    'stores',
    'services',
  ],
};

/** The one file of the supervisor's side that speaks to the admin socket from without. */
const adminClient = '/admin-client\\.ts$';
const ours = '^(src|tests|examples|scripts|bench)/';

const arrow = ([folder, [why, ...allowed]]) => ({
  name: `${folder} imports only: ${[...allowed, 'itself'].join(', ')}`,
  comment: why,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: {
    path: ours,
    pathNot: [
      ...[folder, ...allowed].map((name) => `^src/${name}/`),
      ...(folder === 'cli' || folder === 'testing' ? [adminClient] : []),
    ],
  },
});

const rule = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });
const npm = 'node_modules/';

module.exports = {
  forbidden: [
    ...Object.entries(rows).map(arrow),
    rule(
      'a service of ours imports only: core, define, telemetry, mesh, stores, itself',
      "what serves is a service: written like a user's, beside its neighbours and not on them",
      { path: '^src/services/([^/]+)/' },
      { path: ours, pathNot: ['^src/(core|define|telemetry|mesh|stores)/', '^src/services/$1/'] },
    ),
    rule(
      'mesh, stores and instance see only the types of define',
      'a definition is run by host alone',
      { path: '^src/(mesh|stores|processes/instance)/' },
      { path: '^src/define/', dependencyTypesNot: ['type-only'] },
    ),
    rule(
      'core imports no package and no node:',
      'pure rules also run in a simulated world',
      { path: '^src/core/' },
      {
        dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'npm-unknown'],
      },
    ),
    rule(
      'the keeper reaches no package but koffi',
      'what it loads can kill it, and it is parent of everything',
      {
        path: '^src/processes/keeper/',
      },
      { path: npm, pathNot: `${npm}koffi/`, reachable: true },
    ),
    rule(
      'nobody inside imports a front door',
      'a barrel drags everything along and hides cycles',
      { path: '^src/' },
      {
        path: '^src/(index|testing/index)\\.ts$',
      },
    ),
    rule(
      'the front door shows what users write',
      'programs are started, never imported',
      { path: '^src/index\\.ts$' },
      {
        path: '^src/(processes|services|cli|testing)/',
      },
    ),
    rule(
      'examples use the public API',
      'what an example needs, a user needs',
      { path: '^examples/' },
      {
        path: '^(src|tests|scripts|bench)/',
        pathNot: '^src/(index|testing/index)\\.ts$',
      },
    ),
    rule(
      'src imports no development package',
      'the published package would not have it',
      { path: '^src/' },
      {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
        // Installed here for the tests, and by whoever has a store there.
        pathNot: `${npm}(ioredis|pg)/`,
      },
    ),
    rule('no cycle', 'two files in a cycle are one file that is hard to read', {}, { circular: true }),
    rule(
      'every import resolves',
      'what does not resolve is not checked either',
      {},
      { couldNotResolve: true },
    ),
    rule(
      'no orphan',
      'a file that nobody imports and that imports nobody is dead',
      {
        orphan: true,
        path: '^(src|tests)/', // modules of an example are named in its app file, not imported
        pathNot: ['\\.test\\.ts$', '\\.d\\.ts$', '^tests/fixtures/'],
      },
      {},
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|\\.tutti)/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
