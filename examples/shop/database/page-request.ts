/** Which rows of a list are wanted: the first `limit` with an id above `after`. Used by the stores and by paging. */
export interface PageRequest {
  readonly after: number;
  readonly limit: number;
}
