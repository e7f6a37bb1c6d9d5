import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { readRecordedInput } from '../../audit/index.ts';
import { type LoadedConfig, loadConfig } from '../../config/index.ts';
import { isObject, property, text } from '../../domain/json.ts';
import { safeText } from '../../domain/text.ts';
import { readInputDocument } from '../../policy/index.ts';
import { openDesk } from '../desk.ts';
import { complain, complainAboutConfig, type Io, printLine } from '../io.ts';
import { toRequest } from '../judge.ts';
import { readManifests } from '../manifests.ts';
import { manifestFaultText } from '../output/text.ts';
import { configOption, namespaceOption, type Session } from '../session.ts';
import { createWaiting } from '../wait.ts';

/** Where the input comes from: exactly one of the first four. */
export interface InputOptions {
  readonly input?: string;
  readonly record?: string;
  readonly image?: string;
  readonly manifest?: string;
  readonly audit?: string;
  readonly config?: string;
  readonly namespace: string;
}

/** An input, and the configuration that it is judged under. */
export interface GivenInput {
  /** JSON text. */
  readonly text: string;
  /** What it is, for people. */
  readonly name: string;
  readonly config: LoadedConfig;
}

/** Longest file of an input, in bytes. */
const longestInput = 64 * 1024 * 1024;

export function addInputOptions(command: Command): Command {
  return command
    .option('-i, --input <file>', 'input document, or a record with one; - is standard input')
    .option('-r, --record <id>', 'input of a record: the id that every denial ends with')
    .option('--image <reference>', 'live: a Pod with this image, whose evidence is gathered now')
    .option('-m, --manifest <file>', 'live: the first workload of a manifest, whose evidence is gathered now')
    .addOption(new Option('--audit <folder>', 'folder of records; else that of the configuration'))
    .addOption(configOption())
    .addOption(namespaceOption());
}

/** Reads or gathers the input, or says on stderr why it can't. */
export async function giveInput(session: Session, options: InputOptions): Promise<GivenInput | null> {
  const { io } = session;
  const given = [options.input, options.record, options.image, options.manifest].filter((one) => one !== undefined);
  if (given.length !== 1) {
    complain(io, `say what to judge, by exactly one of --input, --record, --image and --manifest${given.length === 0 ? '' : `; there are ${given.length}`}`);
    return null;
  }
  if (options.image !== undefined || options.manifest !== undefined) return gather(session, options);
  const loaded = await loadConfig({ ...(options.config === undefined ? {} : { file: options.config }), env: io.env, cwd: io.cwd });
  if (!loaded.ok) {
    complainAboutConfig(io, loaded.faults);
    return null;
  }
  const { config } = loaded;
  if (options.record !== undefined) {
    const directory = options.audit === undefined ? auditFolder(config) : resolve(io.cwd, options.audit);
    if (directory === null) {
      complain(io, 'the records of this configuration lie in no folder: name one with --audit');
      return null;
    }
    const found = await readRecordedInput(directory, options.record);
    if (found.ok) return { text: found.value, name: `record ${safeText(options.record, 50)}`, config };
    complain(io, found.fault);
    return null;
  }
  const file = options.input ?? '-';
  const name = file === '-' ? 'standard input' : safeText(file, 300);
  const content = await readContent(io, file);
  if (content === null) {
    complain(io, `${name} can not be read`);
    return null;
  }
  const read = readInputDocument(inputOf(content));
  if (read === null) {
    complain(io, `${name} is no JSON object: give the document that policies see (tidewaiter policy schema), or one line of the record`);
    return null;
  }
  if (read.departures.length > 0) printLine(io.stderr, `note: the cluster sends no such input: ${read.departures.join('; ')}`);
  return { text: read.input, name, config };
}

function auditFolder(config: LoadedConfig): string | null {
  const path = text(property(config.settings.audit.store, 'path'));
  return path === null ? null : config.resolvePath(path);
}

/** The input within a record, or the text itself. */
function inputOf(content: string): string {
  try {
    const value: unknown = JSON.parse(content);
    const input = property(value, 'input');
    return property(value, 'schema') === 1 && isObject(input) ? JSON.stringify(input) : content;
  } catch {
    return content;
  }
}

async function readContent(io: Io, file: string): Promise<string | null> {
  try {
    if (file === '-') {
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of io.stdin) {
        const bytes = Buffer.from(chunk);
        size += bytes.length;
        if (size > longestInput) return null;
        chunks.push(bytes);
      }
      return Buffer.concat(chunks).toString('utf8');
    }
    const path = resolve(io.cwd, file);
    return (await stat(path)).size > longestInput ? null : await readFile(path, 'utf8');
  } catch {
    return null;
  }
}

/** Gathers evidence on the line that check has, and takes what the policies would see. */
async function gather({ io, parts }: Session, options: InputOptions): Promise<GivenInput | null> {
  const object = options.image === undefined ? await firstWorkload(io, options) : podOf(options.image, options.namespace);
  if (object === null) return null;
  // Nothing is kept, so nothing needs to be left out.
  const whole = (config: LoadedConfig): LoadedConfig => ({
    ...config,
    settings: { ...config.settings, audit: { ...config.settings.audit, annotations: ['**'] } },
  });
  const desk = await openDesk(io, parts, options, undefined, whole);
  if (desk === null) return null;
  try {
    const checked = await createWaiting(io).during([], desk.app.check(object.request));
    if (!checked.ok) {
      complain(io, checked.fault);
      return null;
    }
    if (checked.value === null || checked.value.input === null) {
      const why = checked.value?.findings[0]?.msg ?? 'it is left to its owner, or to its Pods';
      complain(io, `${object.name} is not put before the policies: ${safeText(why, 500)}`);
      return null;
    }
    return { text: checked.value.input, name: object.name, config: desk.config };
  } finally {
    await desk.app.close();
  }
}

interface LiveObject {
  readonly name: string;
  readonly request: ReturnType<typeof toRequest>;
}

function podOf(image: string, namespace: string): LiveObject {
  const value = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'image' }, spec: { containers: [{ name: 'image', image }] } };
  const at = { line: 1, column: 1 };
  return { name: `image ${safeText(image, 300)}`, request: toRequest({ file: '-', kind: 'v1/Pod', value, position: at, locate: () => at }, namespace) };
}

async function firstWorkload(io: Io, { manifest = '-', namespace }: InputOptions): Promise<LiveObject | null> {
  const { objects, faults } = await readManifests([manifest], io);
  for (const fault of faults) printLine(io.stderr, manifestFaultText(fault));
  const [first] = objects;
  return first === undefined ? null : { name: `${first.kind} of ${safeText(manifest, 300)}`, request: toRequest(first, namespace) };
}
