/** Which code is of the project that is read, by its URL or path: neither a library nor Tutti itself. */
import { fileURLToPath } from 'node:url';

const ownUrl = new URL('../', import.meta.url).href;
const ownFolder = fileURLToPath(ownUrl);

export const isOfProject = (place: string): boolean =>
  !place.includes('/node_modules/') && !place.startsWith(ownUrl) && !place.startsWith(ownFolder);
