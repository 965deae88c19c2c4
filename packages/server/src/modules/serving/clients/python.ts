/** A Python client of one endpoint: one file without dependencies, for Python 3.8 or newer. */
import type { EndpointInterface } from '@slipway/contract';
import { instancesPerRequestMax } from '@slipway/contract';
import type { InputType } from './interface.ts';
import { answerSentence } from './openapi.ts';

const types: Readonly<Record<InputType, string>> = {
  number: 'Optional[float]',
  text: 'Optional[str]',
  boolean: 'Optional[bool]',
  instant: 'Union[str, int, None]',
};

/** Python's word for naming what was caught: no cast of this file. */
const bound = 'as';

/** JSON texts are Python's. */
const text = (value: string): string => JSON.stringify(value);
const prose = (value: string): string => value.replaceAll(/["\\]/g, "'").replaceAll(/\s+/g, ' ');

function literal(value: string | number | boolean | null): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return JSON.stringify(value);
}

export function pythonClient(endpoint: EndpointInterface, url: string): string {
  const { inputs, sample, answer } = endpoint;
  const details =
    answer.kind === 'classes'
      ? '        "label": Union[str, float],\n        "probabilities": Dict[str, float],\n'
      : answer.kind === 'quantiles'
        ? '        "quantiles": Dict[str, float],\n'
        : '';
  return `"""Client of the endpoint ${prose(endpoint.endpoint)}, which serves ${prose(`${endpoint.model}/${endpoint.version}`)}. Written by Slipway:
\`slipway endpoint client ${endpoint.endpoint} --language python\` writes it again. No dependencies; Python 3.8 or newer.

    client = Client(token=os.environ.get("SLIPWAY_TOKEN"))
    score = client.predict(SAMPLE${sample.at === undefined ? '' : `, at=${sample.at}`})["score"]
"""

import json
import urllib.error
import urllib.request
from typing import Any, Dict, List, Optional, TypedDict, Union

# Every input is named; None is a missing one. Instants are ISO 8601, or milliseconds since 1970 UTC.
Inputs = TypedDict(
    "Inputs",
    {
${inputs.map(({ name, type }) => `        ${text(name)}: ${types[type]},`).join('\n')}
    },
)

# id: outcomes can name it. score: ${prose(answerSentence(endpoint))} version: the one that answered.
Prediction = TypedDict(
    "Prediction",
    {
        "id": str,
        "score": Optional[float],
        "version": int,
${details}    },
)

# A row that the endpoint answers.
SAMPLE: Inputs = {
${Object.entries(sample.inputs)
  .map(([name, value]) => `    ${text(name)}: ${literal(value)},`)
  .join('\n')}
}

${clientPart(endpoint, url)}`;
}

const clientPart = (
  { endpoint }: EndpointInterface,
  url: string,
): string => `ROWS_PER_REQUEST = ${instancesPerRequestMax}
OUTCOMES_PER_REQUEST = 10000


class EndpointError(Exception):
    """What the server refused; \`retryable\`: the same request may be answered later."""

    def __init__(self, status: int, code: str, message: str, retryable: bool) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retryable = retryable


class Client:
    def __init__(self, url: str = ${text(url)}, token: Optional[str] = None, timeout: float = 10.0) -> None:
        self._base = url.rstrip("/") + ${text(`/api/endpoints/${endpoint}`)}
        self._token = token
        self._timeout = timeout

    def predict(self, inputs: Inputs, id: Optional[str] = None, at: Optional[int] = None) -> Prediction:
        """One row. \`id\`: your own, which outcomes can name. \`at\`: event time in milliseconds since 1970 UTC; now unless said."""
        row: Dict[str, Any] = {"inputs": inputs}
        if id is not None:
            row["id"] = id
        if at is not None:
            row["at"] = at
        return self.predict_rows([row])[0]

    def predict_rows(self, rows: List[Dict[str, Any]]) -> List[Prediction]:
        """Rows of {"inputs", "id"?, "at"?}, however many; predictions in their order."""
        predictions: List[Prediction] = []
        for start in range(0, len(rows), ROWS_PER_REQUEST):
            part = rows[start : start + ROWS_PER_REQUEST]
            predictions.extend(self._post("/predict", {"instances": part})["predictions"])
        return predictions

    def label(self, outcomes: List[Dict[str, Any]]) -> Dict[str, int]:
        """Outcomes of {"predictionId" or "instanceId", "value", "at"}, however late; the same one again changes nothing."""
        counts = {"joined": 0, "corrected": 0, "repeated": 0, "unknown": 0}
        for start in range(0, len(outcomes), OUTCOMES_PER_REQUEST):
            part = outcomes[start : start + OUTCOMES_PER_REQUEST]
            answer = self._post("/labels", {"labels": part})
            for name in counts:
                counts[name] += answer[name]
        return counts

    def _post(self, path: str, body: Any) -> Any:
        headers = {"content-type": "application/json"}
        if self._token is not None:
            headers["authorization"] = "Bearer " + self._token
        request = urllib.request.Request(self._base + path, json.dumps(body).encode(), headers)
        try:
            response = urllib.request.urlopen(request, timeout=self._timeout)
        except urllib.error.HTTPError ${bound} refused:
            raise _error_of(refused.code, refused.read()) from None
        try:
            return json.load(response)
        finally:
            response.close()


def _error_of(status: int, body: bytes) -> EndpointError:
    try:
        error = json.loads(body)["error"]
        return EndpointError(status, error["code"], error["message"], error["retryable"])
    except (ValueError, KeyError, TypeError):
        return EndpointError(status, "answer_not_understood", body[:200].decode("utf-8", "replace"), False)
`;
