/**
 * The import table of docs/architecture.md, as rules. A part of core may import itself, core/errors.ts and core/nearest.ts, and what its
 * row lists; nothing reaches back. Tests may import whatever they need.
 */
const test = '\\.test\\.ts$|/testing/';

/** The parts of core in the order of the data: each of the later ones stands on all before it. */
const parts = ['isa', 'object', 'kernel', 'exceptions', 'verifier', 'machine', 'trace', 'debugger'].map(
  (name) => `core/${name}`,
);
const below = (part) => parts.slice(0, parts.indexOf(part) + 1);

/** @type {Record<string, string[]>} folder → the folders it may import, besides itself */
const mayImport = {
  'core/isa': [],
  'core/object': ['core/isa'],
  'core/kernel': ['core/isa', 'core/object'],
  'core/exceptions': ['core/isa', 'core/object', 'core/kernel'],
  'core/verifier': ['core/isa', 'core/object', 'core/exceptions', 'core/kernel/tables'],
  'core/machine': [
    'core/isa',
    'core/object',
    'core/kernel',
    'core/exceptions',
    // Only the public result: what the verifier knows, not how it got to know it.
    'core/verifier/verification\\.ts',
  ],
  'core/trace': [...below('core/machine'), 'core/protocol'],
  'core/debugger': [...below('core/trace'), 'core/protocol'],
  'core/commands': [...below('core/debugger'), 'core/protocol'],
  'core/service': [...below('core/debugger'), 'core/commands', 'core/protocol'],
  'core/protocol': [],
  preload: ['core/protocol'],
  renderer: ['core/protocol'],
  main: ['core'],
};

const folder = (path) => (path.endsWith('.ts') ? `^${path}$` : `^${path}/`);

export default {
  forbidden: [
    ...Object.entries(mayImport).map(([from, to]) => ({
      name: `imports-of-${from.replaceAll('/', '-')}`,
      comment: `${from} may import ${to.length === 0 ? 'nothing' : to.join(', ')} (docs/architecture.md)`,
      severity: 'error',
      from: { path: `^${from}/`, pathNot: test },
      to: {
        path: '^(core|main|preload|renderer|test|examples)/',
        pathNot: [`^${from}/`, '^core/(errors|nearest)\\.ts$', ...to.map(folder)],
      },
    })),
    {
      name: 'core-is-platform-neutral',
      comment: 'core runs in Node, in a worker and in a browser: no node: modules, no packages from npm',
      severity: 'error',
      from: { path: '^core/', pathNot: `${test}|\\.mjs$|\\.as\\.ts$` },
      to: { dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg'] },
    },
    {
      name: 'no-cycles',
      comment: 'a cycle of imports has no first file to read',
      severity: 'error',
      from: { pathNot: test },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^(virtual:|node:)' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '\\.as\\.ts$' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default'],
      extensions: ['.ts', '.mjs', '.js', '.json'],
    },
  },
};
