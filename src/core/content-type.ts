/**
 * What an answer over HTTP is, where it is not JSON, and whether it is anything. Pure. https://www.rfc-editor.org/rfc/rfc9110#section-8.3
 */

const token = '[A-Za-z0-9!#$&^_.+-]{1,64}';
const parameter = `;\\s?${token}=(?:${token}|"[A-Za-z0-9 !#$&^_.+-]{0,64}")`;
const form = new RegExp(`^${token}/${token}(?:${parameter}){0,4}$`);
const longest = 200;

/** Of an answer that went well; these two have none. https://www.rfc-editor.org/rfc/rfc9110#section-15.3.5 */
export const hasContent = (status: number): boolean => status !== 204 && status !== 205;

/** One type, not a range, and nothing that could end the header. */
export const isContentType = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= longest && !value.includes('*') && form.test(value);

/** Nothing in these runs in a browser; the rest is saved and not shown. */
const shown: ReadonlySet<string> = new Set([
  ...['text/plain', 'text/csv', 'application/pdf'],
  ...['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif'],
]);

export const dispositionOf = (contentType: string): 'inline' | 'attachment' =>
  shown.has(contentType.replace(/;.*/s, '').trim().toLowerCase()) ? 'inline' : 'attachment';
