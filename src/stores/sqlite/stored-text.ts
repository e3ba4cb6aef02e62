/** A text as it can lie in a table, cut where it is too long: half a character would come back as another, and look like damage. */
export const storedText = (text: string, mostChars: number): string =>
  text.slice(0, mostChars).toWellFormed();
