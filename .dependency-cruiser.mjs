// The import rule of the house, as data: what each folder of src/ may import beside itself.
const MAY_IMPORT = {
  bytes: [],
  archive: ['bytes'],
  criu: ['bytes', 'archive'],
  checkpoint: ['bytes', 'archive', 'criu'],
  analysis: ['bytes', 'archive', 'criu', 'checkpoint'],
  export: ['bytes', 'archive', 'criu', 'checkpoint', 'analysis'],
  capture: ['bytes', 'archive', 'criu'],
  cli: ['bytes', 'archive', 'criu', 'checkpoint', 'analysis', 'export', 'capture'],
};

/** These also run in a browser: no node built-in but behind a byte source. */
const BROWSER_FOLDERS = ['bytes', 'archive', 'criu', 'checkpoint', 'analysis'];
const NODE_BYTE_SOURCES = '^src/bytes/(file-source|file-spill|node-[a-z-]+)\\.ts$';

const TEST = '\\.test\\.ts$';

const layers = Object.entries(MAY_IMPORT).map(([folder, others]) => ({
  name: `${folder}-imports-only-what-it-may`,
  severity: 'error',
  from: { path: `^src/${folder}/`, pathNot: TEST },
  to: { path: '^(src|test|testbed|bench)/', pathNot: `^src/(${[folder, ...others].join('|')})/` },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...layers,
    {
      name: 'browser-folders-know-no-node',
      severity: 'error',
      from: { path: `^src/(${BROWSER_FOLDERS.join('|')})/`, pathNot: [TEST, NODE_BYTE_SOURCES] },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'every-folder-has-a-rule',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^src/[^/]+/', pathNot: `^src/(${Object.keys(MAY_IMPORT).join('|')})/` },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { conditionNames: ['import', 'node', 'default'] },
  },
};
