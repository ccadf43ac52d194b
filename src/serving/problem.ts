/** An answer that is not 200: the status and what the caller reads in `{"error": …}`. */
export class HttpProblem extends Error {
  constructor(
    readonly status: 400 | 403 | 404 | 413 | 415 | 500 | 503,
    message: string,
    readonly retryAfterSeconds?: number,
  ) {
    super(message);
    this.name = 'HttpProblem';
  }
}

export const badRequest = (message: string): HttpProblem => new HttpProblem(400, message);
export const notReady = (message: string): HttpProblem => new HttpProblem(503, message, 1);

export const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
