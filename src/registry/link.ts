import { bad, good, type Outcome } from '../domain/fault.ts';

const longestHeader = 8_192;

/**
 * The next page that a Link header names (RFC 8288), null when this is the last. It has to be on the host that the page came from, and
 * in its API: Link is no way to send us elsewhere. The fault's message says what the answer came with.
 */
export function nextPage(header: string | string[] | undefined, from: URL): Outcome<URL | null> {
  const headers = header === undefined ? [] : typeof header === 'string' ? [header] : header;
  for (const text of headers) {
    if (text.length > longestHeader) return bad('RESPONSE_INVALID', 'a Link header that is too long');
    for (const link of text.split(/,(?=[ \t]*<)/)) {
      const end = link.indexOf('>');
      const start = link.indexOf('<');
      if (start < 0 || end < start || !/;[ \t]*rel[ \t]*=[ \t]*"?next"?[ \t]*(?:;|$)/i.test(link.slice(end + 1))) continue;
      const target = link.slice(start + 1, end);
      if (!URL.canParse(target, from.href)) return bad('RESPONSE_INVALID', 'a Link to no valid URL');
      const url = new URL(target, from);
      url.hash = '';
      const stays = url.origin === from.origin && url.pathname.startsWith('/v2/') && url.username === '' && url.password === '';
      return stays ? good(url) : bad('RESPONSE_INVALID', 'a Link that leads away from its API');
    }
  }
  return good(null);
}
