import {
  isNamed,
  isNodeId,
  MAX_DEPTH,
  MAX_EXCEPTION_BYTES,
  MAX_EXCEPTIONS,
  MAX_PATH_BYTES,
} from '../../message/route.ts'
import { isAscii } from '../../message/names.ts'
import type { Named, Path, Route } from '../../message/route.ts'
import { encodeText } from './bytes.ts'
import { badMessage } from '../failures.ts'
import type { ByteReader, ByteWriter } from './bytes.ts'

/** The codec that needs no name. */
const USUAL_CODEC = 'msgpack'

/** What of a route stands in a record. */
export interface RouteParts {
  isNamed: boolean
  hasPath: boolean
  hasExceptions: boolean
}

/** Writes a route as records hold it; it takes at most `routeBytes`. */
export function writeRoute(out: ByteWriter, { named, to, except }: Route): void {
  if (named !== undefined) {
    writeName(out, named.name)
    writeName(out, named.codec === USUAL_CODEC ? '' : named.codec)
  }
  if (to !== undefined) writePath(out, to)
  if (except === undefined) return
  out.varint(except.length)
  for (const path of except) writePath(out, path)
}

export function writePath(out: ByteWriter, path: Path): void {
  out.varint(path.length)
  for (const id of path) writeName(out, id)
}

/** A short text, which in most cases costs less to write than to encode. */
function writeName(out: ByteWriter, name: string): void {
  if (!isAscii(name)) return out.bytes(encodeText(name))
  out.varint(name.length)
  for (let index = 0; index < name.length; index += 1) out.u8(name.charCodeAt(index))
}

/** Throws `BAD_MESSAGE` for what breaks a limit. */
export function readRoute(reader: ByteReader, { isNamed: byName, hasPath, hasExceptions }: RouteParts): Route {
  return {
    ...(byName && { named: readNamed(reader) }),
    ...(hasPath && { to: readPath(reader) }),
    ...(hasExceptions && { except: readExceptions(reader) }),
  }
}

/** Throws `BAD_MESSAGE` for what is no path that leads anywhere. */
export function readPath(reader: ByteReader): Path {
  const from = reader.at
  const depth = reader.varint()
  if (depth === 0 || depth > MAX_DEPTH) throw badMessage(`a path of ${depth} ids; 1 to ${MAX_DEPTH} are allowed`, depth)
  const path: string[] = []
  while (path.length < depth) path.push(readId(reader))
  const bytes = reader.at - from
  if (bytes <= MAX_PATH_BYTES) return path
  throw badMessage(`a path of ${bytes} bytes; at most ${MAX_PATH_BYTES} are allowed`, bytes)
}

export function readId(reader: ByteReader): string {
  const id = reader.text('an id')
  if (isNodeId(id)) return id
  throw badMessage('an id that is none of 1 to 128 bytes without control characters')
}

function readExceptions(reader: ByteReader): readonly Path[] {
  const from = reader.at
  const count = reader.varint()
  if (count > MAX_EXCEPTIONS) throw badMessage(`${count} exceptions; at most ${MAX_EXCEPTIONS} are allowed`, count)
  const except: Path[] = []
  while (except.length < count) except.push(readPath(reader))
  const bytes = reader.at - from
  if (bytes <= MAX_EXCEPTION_BYTES) return except
  throw badMessage(`exceptions of ${bytes} bytes; at most ${MAX_EXCEPTION_BYTES} are allowed`, bytes)
}

function readNamed(reader: ByteReader): Named {
  const name = reader.text('a name')
  const codec = reader.text('the name of a codec')
  const named = { name, codec: codec === '' ? USUAL_CODEC : codec }
  if (isNamed(named)) return named
  throw badMessage('a message whose name, or whose codec, is none')
}
