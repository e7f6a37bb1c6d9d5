import { Option } from 'commander';
import { openDesk, type VerifiedImage } from './desk.ts';
import { complain, exitCodes, painter, printLine } from './io.ts';
import { evidenceText } from './output/evidence.ts';
import { safeJson } from './output/json.ts';
import { type AddCommand, configOption, examples, type Session } from './session.ts';

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
Exit code: 0 a signer of the configuration vouches for it and no scan is amiss, 1 no signature was verified or a scan
source has no usable result, 2 something could not be looked at.
`,
    )
    .action(session.does((image: string, options: VerifyOptions) => verify(session, image, options)));
};

async function verify({ io, parts }: Session, image: string, options: VerifyOptions): Promise<number> {
  const desk = await openDesk(io, parts, options);
  if (desk === null) return exitCodes.unable;
  try {
    const verified = await desk.app.verify(image);
    if (!verified.ok) {
      complain(io, verified.fault);
      return exitCodes.unable;
    }
    printLine(io.stdout, options.output === 'json' ? safeJson({ version: 1, ...verified.value }) : evidenceText(verified.value, painter(io)));
    return exitCodeOf(verified.value);
  } finally {
    await desk.app.close();
  }
}

/** Nothing verified is never good, be there no signature or no signer to look for: a pipeline that asks wants somebody to vouch. */
function exitCodeOf({ image: { evidence } }: VerifiedImage): number {
  if (evidence.dark.length > 0) return exitCodes.unable;
  const vouched = evidence.signatures.length > 0 && evidence.scans.every(({ state }) => state === 'evaluated');
  return vouched ? exitCodes.good : exitCodes.wrong;
}
