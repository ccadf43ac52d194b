/**
 * The default converter, except that reading never throws: a payload that cannot be decoded becomes an `Undecodable` value.
 * Otherwise a bad signal would fail the workflow task, for ever, before any handler sees it.
 */
import { defaultPayloadConverter, type Payload, type PayloadConverter } from '@temporalio/common';

export interface Undecodable {
  undecodable: string;
}

export const payloadConverter: PayloadConverter = {
  toPayload: (value) => defaultPayloadConverter.toPayload(value),
  fromPayload<T>(payload: Payload): T {
    try {
      return defaultPayloadConverter.fromPayload<T>(payload);
    } catch (error) {
      const undecodable: Undecodable = { undecodable: error instanceof Error ? error.message : String(error) };
      return undecodable as T;
    }
  },
};
