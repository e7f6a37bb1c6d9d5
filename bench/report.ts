/** What the benchmarks print, kept for the file that --write makes. */
export interface Report {
  say(line?: string): void;
  /** A table of Markdown. */
  head(...cells: readonly string[]): void;
  row(...cells: readonly (string | number)[]): void;
  text(): string;
}

export function createReport(): Report {
  const lines: string[] = [];
  const say = (line = ''): void => {
    lines.push(line);
    process.stdout.write(`${line}\n`);
  };
  const row = (...cells: readonly (string | number)[]): void => say(`| ${cells.join(' | ')} |`);
  return {
    say,
    row,
    head(...cells) {
      row(...cells);
      say(`|${'---|'.repeat(cells.length)}`);
    },
    text: () => lines.join('\n'),
  };
}
