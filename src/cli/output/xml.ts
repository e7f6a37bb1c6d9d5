import { safeText } from '../../domain/text.ts';

/** One element; `content` is XML already. */
export function element(name: string, attributes: Readonly<Record<string, string | number>>, content: string | null): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escapeXml(safeText(String(value), 4000))}"`);
  return content === null || content === '' ? `<${name}${written.join('')}/>` : `<${name}${written.join('')}>\n${content}\n</${name}>`;
}

/** https://www.w3.org/TR/xml/#syntax, and without the characters that XML can't hold (section 2.2). */
export function escapeXml(text: string): string {
  return text.replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '\u{fffd}').replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** A whole document. */
export function xmlDocument(root: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${root}`;
}

/** Milliseconds as JUnit has them: seconds, with three digits. */
export function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3);
}
