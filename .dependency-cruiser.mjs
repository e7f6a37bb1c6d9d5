/**
 * Who may import whom. Each rule's comment says why; test/unit/structure/direction.test.ts plants a wrong import for each of them.
 */

/** Rooms that know nothing of each other: each gets the others through an interface of the domain, handed in by what lies directly in src. */
const apart = ['registry', 'credentials', 'signatures', 'scans', 'audit', 'policy', 'exceptions', 'server', 'cluster', 'console'];
/** Rooms of the line itself: the world reaches them through interfaces of the domain. */
const line = ['admission', 'images', 'evidence'];
/** Packages that compute and do no I/O, good enough for the line. */
const pure = ['zod', 'lru-cache', 'p-limit', 'rfc6902'];
const inputOutput = ['child_process', 'cluster', 'dgram', 'dns', 'fs', 'http', 'http2', 'https', 'net', 'sqlite', 'tls', 'worker_threads'];

const any = (names) => `(?:${names.join('|')})`;
const error = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

/** Every folder of src that the rules know; a new one has to be placed in one of the lists. */
export const rooms = ['domain', 'config', 'cli', ...line, ...apart];

export default {
  forbidden: [
    error('no-cycles', 'Modules that import each other can be understood, loaded and tested only together.', {}, { circular: true }),
    error('resolvable', 'An import that can not be resolved escapes every other rule.', {}, { couldNotResolve: true }),
    error(
      'domain-alone',
      'The domain is words and pure rules: no other room, no package, no built-in module.',
      { path: '^src/domain/' },
      { pathNot: '^src/domain/' },
    ),
    error(
      'rooms-apart',
      'A room imports the domain and itself, never another room; who puts the rooms together hands it what it needs.',
      { path: `^src/(${[...line, ...apart].join('|')})/` },
      { path: '^src/', pathNot: ['^src/domain/', '^src/$1/'] },
    ),
    error(
      'line-without-packages',
      'The line is told what it needs to know: it has no use for packages that speak to the world.',
      { path: `^src/${any(line)}/` },
      { path: 'node_modules/', pathNot: `node_modules/${any(pure)}/` },
    ),
    error(
      'line-without-input-output',
      'The line is told what it needs to know: it opens no file and no connection.',
      { path: `^src/${any(line)}/` },
      { path: `^(?:node:)?${any(inputOutput)}(?:/|$)`, dependencyTypes: ['core'] },
    ),
    error(
      'configuration-through-lists',
      'The configuration knows the kinds of a room by its list, not what they are made of.',
      { path: '^src/config/' },
      { path: '^src/', pathNot: ['^src/(?:domain|config)/', '/index\\.ts$'] },
    ),
    error(
      'front-doors',
      'Who puts the rooms together uses what lies at the front of a room, not what it is made of.',
      { path: '^src/(?:[^/]+\\.ts$|cli/)' },
      { path: `^src/${any([...line, ...apart])}/.+/`, pathNot: '/index\\.ts$' },
    ),
    error(
      'application-is-the-root',
      'Only commands start the whole.',
      { path: '^src/', pathNot: '^src/(?:[^/]+\\.ts$|cli/)' },
      { path: '^src/(?:[^/]+\\.ts$|cli/)' },
    ),
    error('main-is-the-end', 'Nothing imports the program.', {}, { path: '^src/main\\.ts$' }),
    error('sources-without-tests', 'What is shipped does not depend on what is not.', { path: '^src/' }, { path: '^(?:test|tools|demo|bench)/' }),
    error(
      'shipped-packages',
      'What the sources import at run time is a dependency, not a devDependency.',
      { path: '^src/' },
      { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    ),
  ],
  options: {
    // TypeScript 7 has no API for other programs; without a parser that knows types nothing would be seen, and nothing found.
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(?:^|/)(?:testdata|fixtures)/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['node', 'import', 'default', 'types'], extensions: ['.ts', '.js', '.mjs', '.json'] },
  },
};
