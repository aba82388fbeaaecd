import { unfilled } from './unfilled.ts'

type Of<T, Parameters extends unknown[] = []> = (this: Uint8Array, ...parameters: Parameters) => T

interface Shared {
  buffer: { get: Of<ArrayBufferLike> }
  byteOffset: { get: Of<number> }
  set: { value: Of<void, [bytes: Uint8Array, at: number]> }
}

/**
 * What all typed arrays share. Where that is asked for by name, V8 looks it up anew each time, which takes as long as to make a view: of
 * a short frame, that would be a good part.
 */
const { prototype } = Object.getPrototypeOf(Uint8Array) as { prototype: object }
const { buffer, byteOffset, set } = Object.getOwnPropertyDescriptors(prototype) as unknown as Shared
const bufferOf = buffer.get
const byteOffsetOf = byteOffset.get
const setIn = set.value

/** The memory that holds the bytes. */
export const memoryOf = (bytes: Uint8Array): ArrayBufferLike => bufferOf.call(bytes)

/** Where they begin in it. */
export const offsetOf = (bytes: Uint8Array): number => byteOffsetOf.call(bytes)

/** A part of them. Not by `subarray`: of a Buffer that is a Buffer, which is no plain array to codecs and users. */
export function viewOf(bytes: Uint8Array, at: number, length: number): Uint8Array {
  return new Uint8Array(memoryOf(bytes), offsetOf(bytes) + at, length)
}

/** Copies bytes to a place in others. */
export const copyTo = (target: Uint8Array, bytes: Uint8Array, at: number): void => setIn.call(target, bytes, at)

/** Bytes that their memory holds alone. Not by `slice`: it fills the memory with zeros first, and copies nothing of a Buffer. */
export function copyOf(bytes: Uint8Array): Uint8Array {
  const copy = unfilled(bytes.length)
  copyTo(copy, bytes, 0)
  return copy
}

/** A piece that waits, and keeps no more than twice itself of what it came in. */
export function lasting(piece: Uint8Array): Uint8Array {
  return isMost(piece.length, memoryOf(piece)) ? piece : copyOf(piece)
}

/** Whether so many bytes are more than half of a memory: then they may keep all of it. */
export const isMost = (length: number, { byteLength }: ArrayBufferLike): boolean => length * 2 > byteLength
