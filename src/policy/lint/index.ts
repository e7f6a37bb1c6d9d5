import pLimit from 'p-limit';
import type { PolicyProblem } from '../rules.ts';
import { isTestFile, type PolicyFile, withFolder } from '../snapshot.ts';
import { type Node, parseModule } from './ast.ts';
import { lintFindings } from './findings.ts';
import { lintMetadata } from './metadata.ts';
import { lintNames } from './names.ts';
import { lintSprintf } from './sprintf.ts';

type Found = Omit<PolicyProblem, 'file'>;

const atOnce = 4;

/**
 * What neither opa nor a sample tells of policies and helpers: METADATA, findings and formats as they are written. A file that does not
 * parse is looked at as far as that goes. Tests are left out: they may write what they like.
 */
export async function lintPolicies(files: readonly PolicyFile[], opa: string, signal: AbortSignal): Promise<readonly PolicyProblem[]> {
  const modules = files.filter(({ path }) => path.endsWith('.rego') && !isTestFile(path));
  const limit = pLimit(atOnce);
  return withFolder(modules, async (folder) => {
    const found = await Promise.all(
      modules.map((file) =>
        limit(async () => {
          const module = await parseModule(opa, folder, file.path, signal);
          return lintModule(file, module).map((problem) => ({ ...problem, file: file.path }));
        }),
      ),
    );
    return found.flat();
  });
}

function lintModule({ content }: PolicyFile, module: Node | null): readonly Found[] {
  const source = content.toString('utf8');
  const isPolicy = /^package\s+policies\./m.test(source);
  const formats = module === null ? [] : lintSprintf(module);
  if (!isPolicy) return formats;
  return [...lintMetadata(source), ...formats, ...(module === null ? [] : [...lintFindings(module), ...lintNames(module)])];
}
