/** Reads JUnit XML as strictly as CI servers might. https://github.com/testmoapp/junitxml */
export interface JunitSuite {
  readonly name: string;
  readonly tests: number;
  readonly failures: number;
}

const names = {
  testsuites: ['testsuite'],
  testsuite: ['testcase'],
  testcase: ['failure', 'error', 'skipped', 'system-out'],
  failure: [],
  error: [],
  skipped: [],
  'system-out': [],
} as const;
const attributes: Readonly<Record<string, readonly string[]>> = {
  testsuites: ['name', 'tests', 'failures', 'errors', 'skipped', 'time'],
  testsuite: ['name', 'tests', 'failures', 'errors', 'skipped', 'time'],
  testcase: ['name', 'classname', 'file', 'line', 'time'],
  failure: ['message', 'type'],
  error: ['message', 'type'],
  skipped: ['message'],
  'system-out': [],
};
const numbers = ['tests', 'failures', 'errors', 'skipped', 'line', 'time'];

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Element[];
}

/** Throws where the text is no well-formed JUnit report, or its counts are not those of its cases. */
export function readJunit(xml: string): readonly JunitSuite[] {
  const root = parse(xml);
  if (root.name !== 'testsuites') throw new Error('the root is no testsuites');
  for (const suite of root.children) {
    const failed = suite.children.filter((test) => test.children.some(({ name }) => name === 'failure')).length;
    if (Number(suite.attributes['tests']) !== suite.children.length) throw new Error('a suite miscounts its tests');
    if (Number(suite.attributes['failures']) !== failed) throw new Error('a suite miscounts its failures');
  }
  for (const key of ['tests', 'failures', 'errors', 'skipped']) {
    const sum = root.children.reduce((all, { attributes: own }) => all + Number(own[key]), 0);
    if (Number(root.attributes[key]) !== sum) throw new Error(`the suites have ${sum} ${key}`);
  }
  return root.children.map(({ attributes: own }) => ({ name: own['name'] ?? '', tests: Number(own['tests']), failures: Number(own['failures']) }));
}

function parse(xml: string): Element {
  const body = xml.replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n/, '');
  if (body === xml) throw new Error('there is no XML declaration');
  const open: Element[] = [];
  let root: Element | null = null;
  for (const [tag, close = '', name = '', given = '', self = ''] of body.matchAll(/<(\/?)([a-z-]+)((?:\s[a-z]+="[^"<]*")*)(\/?)>|<|&(?!#\d+;)/g)) {
    if (name === '') throw new Error(`a character that is not escaped: ${tag}`);
    if (close === '/') {
      if (open.pop()?.name !== name) throw new Error(`${name} is closed and not open`);
      continue;
    }
    const element: Element = { name, attributes: readAttributes(name, given), children: [] };
    const parent = open.at(-1);
    if (parent === undefined) root = element;
    else {
      if (!(names as Readonly<Record<string, readonly string[]>>)[parent.name]?.includes(name)) throw new Error(`${name} within ${parent.name}`);
      parent.children.push(element);
    }
    if (self === '') open.push(element);
  }
  if (root === null || open.length > 0) throw new Error('an element is not closed');
  return root;
}

function readAttributes(name: string, text: string): Readonly<Record<string, string>> {
  const found = Object.fromEntries([...text.matchAll(/([a-z]+)="([^"]*)"/g)].map(([, key = '', value = '']) => [key, value]));
  for (const [key, value] of Object.entries(found)) {
    if (!attributes[name]?.includes(key)) throw new Error(`${name} has no attribute ${key}`);
    if (numbers.includes(key) && !/^\d+(\.\d+)?$/.test(value)) throw new Error(`${key} of ${name} is no number`);
  }
  const needed = name === 'testcase' ? ['name', 'classname', 'time'] : name.startsWith('testsuite') ? ['name', 'tests', 'failures', 'time'] : [];
  for (const key of needed) if (found[key] === undefined) throw new Error(`${name} lacks ${key}`);
  return found;
}
