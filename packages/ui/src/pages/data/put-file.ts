/** Sends one file to a dataset and says how far it is; the browser's fetch cannot tell that of what it sends. */
import { authorization } from '../../api/credentials.ts';
import type { ErrorBody, PutFileAnswer } from '@slipway/contract';
import { ApiError, methodOf, pathOf } from '../../api/client.ts';

interface Sending {
  readonly dataset: string;
  readonly file: File;
  readonly tell: (sentBytes: number) => void;
  readonly signal: AbortSignal;
}

function refusal(request: XMLHttpRequest): ApiError {
  try {
    // The body of every refusal of this API.
    const { error } = JSON.parse(request.responseText) as ErrorBody;
    const { code, message, requestId, retryable } = error;
    return new ApiError(message, { code, status: request.status, requestId, isRetryable: retryable });
  } catch {
    return new ApiError(`The server answered ${request.status}.`, {
      code: 'unknown',
      status: request.status,
      isRetryable: request.status >= 500,
    });
  }
}

export function putFile({ dataset, file, tell, signal }: Sending): Promise<PutFileAnswer> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(methodOf('datasets.putFile'), pathOf('datasets.putFile', { params: { dataset, file: file.name } }));
    request.setRequestHeader('content-type', 'application/octet-stream');
    for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value);
    request.upload.addEventListener('progress', ({ loaded }) => tell(loaded));
    request.addEventListener('load', () => {
      if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText) as PutFileAnswer);
      else reject(refusal(request));
    });
    request.addEventListener('error', () =>
      reject(
        new ApiError('The connection was cut while the file was sent.', {
          code: 'unreachable',
          status: 0,
          isRetryable: true,
        }),
      ),
    );
    request.addEventListener('abort', () =>
      reject(
        new ApiError('Sending was stopped; no version was made of this file.', {
          code: 'stopped',
          status: 0,
          isRetryable: true,
        }),
      ),
    );
    signal.addEventListener('abort', () => request.abort());
    request.send(file);
  });
}
