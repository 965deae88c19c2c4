import { SlipwayError } from '@slipway/contract';

/** Undefined when it is gone; the ledger remembers what was deleted. */
export async function existing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof SlipwayError && error.code === 'not_found') return undefined;
    throw error;
  }
}
