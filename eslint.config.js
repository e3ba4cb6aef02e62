/**
 * What the compiler cannot say: promises nobody awaits, the environment read in the wrong place, time and chance
 * inside pure code. Layout is Prettier's; the arrows between folders are .dependency-cruiser.cjs's.
 */
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const environment = [
  {
    object: 'process',
    property: 'env',
    message: 'Only define/read-env.ts and the CLI read the environment; take what you need as an argument.',
  },
];
const environmentImports = [
  { name: 'node:process', importNames: ['env'], message: 'Only define/read-env.ts and the CLI read it.' },
];

const timeAndChance = [
  { object: 'Date', property: 'now', message: 'core is pure: take `now` as an argument.' },
  { object: 'performance', property: 'now', message: 'core is pure: take `now` as an argument.' },
  { object: 'Math', property: 'random', message: 'core is pure: take a Random as an argument.' },
];
const timers = ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'process'].map((name) => ({
  name,
  message: 'core is pure: return a command, or take a Clock as an argument.',
}));
const emptyDate = {
  selector: 'NewExpression[callee.name="Date"][arguments.length=0]',
  message: 'core is pure: take `now` as an argument.',
};

const knownSafeCalls = [{ from: 'package', package: 'node:test', name: ['test', 'it', 'describe', 'suite'] }];

export default defineConfig(
  {
    ignores: [
      '**/dist/',
      '**/coverage/',
      '**/.tutti/',
      '**/node_modules/',
      'tools/',
      '**/*.cjs',
      'eslint.config.js',
    ],
  },
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/no-floating-promises': ['error', { allowForKnownSafeCalls: knownSafeCalls }],
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true, argsIgnorePattern: '^_' }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      eqeqeq: 'error',
      'max-params': ['error', 3],
    },
  },
  {
    files: ['src/**', 'examples/**'],
    ignores: ['src/define/read-env.ts', 'src/cli/**', '**/*.test.ts'],
    rules: {
      'no-restricted-properties': ['error', ...environment],
      'no-restricted-imports': ['error', { paths: environmentImports }],
    },
  },
  {
    files: ['src/core/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^(?!\\.\\.?/)', message: 'core imports core: no node:, no npm.' }] },
      ],
      'no-restricted-properties': ['error', ...environment, ...timeAndChance],
      'no-restricted-globals': ['error', ...timers],
      'no-restricted-syntax': ['error', emptyDate],
    },
  },
  // Their types are those of packages that only bench/ installs; entries in JavaScript have none.
  { files: ['bench/peers/**', '**/*.js'], extends: [tseslint.configs.disableTypeChecked] },
  { files: ['**/*.js'], languageOptions: { parserOptions: { projectService: false } } },
);
