/**
 * The shop's shape for errors: `{status:"error", message, request_id}`, and for a bad input what is wrong where.
 * Runs in the gateway, for its own answers and for those of the services; the status code stays the problem's.
 */
interface Problem {
  readonly detail: string;
  readonly requestId: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}

export const onError = ({ detail, requestId, errors }: Problem) => ({
  status: 'error',
  message: detail,
  request_id: requestId,
  ...(errors === undefined ? {} : { errors }),
});
