import { Option } from 'commander';
import { fault, publicFault } from '../domain/fault.ts';
import { parseReference } from '../domain/image.ts';
import { conclude } from './conclude.ts';
import { openDesk } from './desk.ts';
import { complain, exitCodes, painter, printLine } from './io.ts';
import { evidenceText } from './output/evidence.ts';
import { safeJson } from './output/json.ts';
import { type AddCommand, configOption, examples, type Session } from './session.ts';
import { createWaiting } from './wait.ts';

interface VerifyOptions {
  readonly config?: string;
  readonly output: 'text' | 'json';
}

/** `tidewaiter verify IMAGE` */
export const addVerify: AddCommand = (program, session) => {
  program
    .command('verify')
    .summary('show all evidence about one image')
    .description('Resolves an image, gathers all evidence about it, and says where it was looked for. Policies are not asked: that is what check does.')
    .argument('<image>', 'image reference, as a Pod would have it')
    .addOption(configOption())
    .addOption(new Option('-o, --output <form>', 'how to write it').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      `${examples(
        ['tidewaiter verify nginx:1.27', 'who signed it, what Trivy found, where both were looked for'],
        ['tidewaiter verify --output json registry.corp/acme/app@sha256:…', 'for a program'],
      )}
Exit code: 0 a signer vouches for it, where the configuration has one for it, and every platform has a usable scan result,
where there is a scan source; 1 not so; 2 it could not be resolved, or a stage could not be looked at. The last line says which.
`,
    )
    .action(session.does((image: string, options: VerifyOptions) => verify(session, image, options)));
};

async function verify({ io, parts }: Session, image: string, options: VerifyOptions): Promise<number> {
  const json = options.output === 'json';
  const tell = (value: object): void => printLine(io.stdout, safeJson({ version: 1, ...value }));
  const desk = await openDesk(io, parts, options);
  if (desk === null) {
    if (json) tell({ fault: publicFault(fault('CONFIG_INVALID', 'the configuration can not be used; standard error says why')) });
    return exitCodes.unable;
  }
  try {
    const reference = parseReference(image);
    const verified = await createWaiting(io).during(reference.ok ? [reference.value.registry] : [], desk.app.verify(image));
    if (!verified.ok) {
      complain(io, verified.fault);
      if (json) tell({ fault: publicFault(verified.fault) });
      return exitCodes.unable;
    }
    const conclusion = conclude(verified.value);
    if (json) tell({ ...verified.value, conclusion });
    else printLine(io.stdout, evidenceText(verified.value, conclusion, painter(io)));
    return exitCodes[conclusion.result];
  } finally {
    await desk.app.close();
  }
}
