import { isCodecName } from './codec.ts'
import { isName, isPlain, MAX_NAME_BYTES, utf8Bytes } from './names.ts'

/** The way down a tree, from child to child, by their ids. */
export type Path = readonly string[]

/** A message by its name, where its id means nothing: ids are those of one connection. */
export interface Named {
  readonly name: string
  /** The name of its codec. */
  readonly codec: string
}

/** What a request or a message that passes relays says beside what it says to whoever gets it. */
export interface Route {
  /** Where the two sides have no id in common for it. */
  readonly named?: Named | undefined
  /** For whom it is, of those below the receiver. @default the receiver, or whomever that finds */
  readonly to?: Path | undefined
  /** For whom it is not; a path of no ids leaves nobody out. @default nobody */
  readonly except?: readonly Path[] | undefined
}

/** Most ids of a path. */
export const MAX_DEPTH = 32
/** The longest path, in bytes: ids, their lengths, and how many there are. */
export const MAX_PATH_BYTES = 1_024
/** Most paths that a message leaves out, and their bytes. */
export const MAX_EXCEPTIONS = 256
export const MAX_EXCEPTION_BYTES = 8_192
/** Most ids that a relay has above itself, and their bytes. */
export const MAX_ANCESTORS = 256
export const MAX_ANCESTRY_BYTES = 16_384

/** Whether a text can be the id of a node that others speak of. */
export const isNodeId = (id: string): boolean => id !== '' && isPlain(id) && utf8Bytes(id) <= MAX_NAME_BYTES

/** Whether a path can travel. */
export const isPath = (path: Path): boolean =>
  path.length > 0 && path.length <= MAX_DEPTH && path.every(isNodeId) && pathBytes(path) <= MAX_PATH_BYTES

/** No two paths that are kept make one key: their ids have no control characters, by {@link isNodeId}. */
const SEPARATOR = '\n'

/** A path as one text, for a table of nodes. */
export const keyOf = (path: Path): string => path.join(SEPARATOR)

/** The key of the node above that at the end of a path. */
export const keyAbove = (path: Path): string => keyOf(path.slice(0, -1))

/** Whether a node is the one at a key, or below that; both by their keys. */
export const isAtOrBelow = (node: string, key: string): boolean => node === key || node.startsWith(`${key}${SEPARATOR}`)

/** Whether a name and its codec are such as an introduction may have. */
export const isNamed = ({ name, codec }: Named): boolean => isName(name) && isCodecName(codec)

/** The route of what has a name, or a path; most have neither. */
export function routeOf(named: Named | undefined, to: Path | undefined): Route | undefined {
  if (named === undefined && to === undefined) return undefined
  return { ...(named !== undefined && { named }), ...(to !== undefined && { to }) }
}

/** The bytes of a text with its length. */
const textBytes = (text: string): number => {
  const bytes = utf8Bytes(text)
  return bytes + (bytes < 0x80 ? 1 : 2)
}

/** What texts take on the wire behind how many they are. */
export function pathBytes(path: Path): number {
  let bytes = path.length < 0x80 ? 1 : 2
  for (const id of path) bytes += textBytes(id)
  return bytes
}

/** What a route takes on the wire, which counts for the size of what it belongs to. */
export function routeBytes(route: Route | undefined): number {
  if (route === undefined) return 0
  const { named, to, except } = route
  let bytes = named === undefined ? 0 : textBytes(named.name) + textBytes(named.codec)
  if (to !== undefined) bytes += pathBytes(to)
  if (except !== undefined) bytes += exceptionBytes(except)
  return bytes
}

export function exceptionBytes(except: readonly Path[]): number {
  return except.reduce((bytes, path) => bytes + pathBytes(path), except.length < 0x80 ? 1 : 2)
}
