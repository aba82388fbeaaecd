import { readFileSync } from 'node:fs'

/** What `docs/packetstream-vectors.json` holds. */
export interface Vectors {
  numbers: Record<string, string>
  endOfRequests: string
  end: string
  packets: readonly Vector[]
}

export interface Vector {
  name: string
  hex: string
  kind: string
  tag: number
  channel?: number
  flags?: number
  type?: number
  isOk?: boolean
  payload?: string
}

const FILE = new URL('../../../../docs/packetstream-vectors.json', import.meta.url)

export const vectors: Vectors = JSON.parse(readFileSync(FILE, 'utf8')) as Vectors
