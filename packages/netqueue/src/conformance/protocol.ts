import type { Headers } from '../message/headers.ts'
import type { Messages } from '../message/messages.ts'
import type { Role } from '../protocol/handshake.ts'
import type { Message } from '../protocol/message.ts'
import type { Protocol } from '../protocol/protocol.ts'
import { lacking, tests } from './protocol-tests.ts'
import { checkVector } from './protocol-vector.ts'
import { register } from './suite.ts'
import type { Cases, SuiteOptions, TestFunctions } from './suite.ts'

/** What one side says from the first byte of a stream on, and what the other makes of it. */
export interface ProtocolVector {
  name: string
  /** Who reads it. */
  to: Role
  /** The bytes, in hexadecimal. */
  hex: string
  /** The types of the messages behind the introduction. @default none */
  hears?: readonly Message['type'][]
  /** The code of the error that it ends with. @default it is all well */
  code?: string
}

export interface ProtocolSuite extends SuiteOptions {
  /** The protocol; called for each side of each test. */
  create: () => Protocol
  /** Items that it carries: texts. @default short ones, empty, beyond ASCII, and one of 60,000 bytes */
  items?: readonly string[]
  /** Messages of texts that it carries: the first one without a reply and the first one with one are said. @default one of each, of `text()` */
  messages?: Messages
  /** Headers that it carries. @default one with a value, and one without */
  headers?: Headers
  /** @default none */
  vectors?: readonly ProtocolVector[]
}

/**
 * Whether a protocol keeps the contract of `Protocol`: both sides understand each other, and nothing that a peer sends does harm. Tests of
 * what it says it lacks are skipped.
 */
export function testProtocol(suite: ProtocolSuite, functions: TestFunctions): void {
  const bound = Object.entries(tests).map(([title, run]) => [title, async () => run(suite)] as const)
  const vectors = (suite.vectors ?? []).map(
    (vector) => [`vector: ${vector.name}`, () => checkVector(suite, vector)] as const,
  )
  const cases: Cases = Object.fromEntries([...bound, ...vectors])
  register({ ...suite, skips: { ...lacking(suite.create()), ...suite.skips } }, cases, functions)
}
