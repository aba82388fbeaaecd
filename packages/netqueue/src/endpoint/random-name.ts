import type { Env } from '../env/env.ts'
import { hexOf } from '../message/names.ts'

/** A name for a client or a server to which nobody gave one. */
export function randomName(kind: 'client' | 'server' | 'relay', env: Env): string {
  return `${kind}-${hexOf(env.randomBytes(6))}`
}
