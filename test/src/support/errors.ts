import { type ErrorCode, RnnxError } from '@rnnx/core';
import { expect } from 'chai';

/** Runs something that must be refused with this code, and gives the error. */
export function refusal(code: ErrorCode, run: () => unknown): RnnxError {
  let caught: unknown;
  try {
    run();
  } catch (error) {
    caught = error;
  }
  if (!(caught instanceof RnnxError)) throw new Error(`${code} was expected, got ${caught ?? 'no error'}`);
  expect(caught.code, caught.message).to.equal(code);
  const { got, expected, remedy } = caught.details;
  for (const part of [got, expected, remedy]) expect(part, 'got, expected and remedy').to.be.a('string').and.not.empty;
  return caught;
}
