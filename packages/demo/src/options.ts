import { opendirSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { codeOf } from './digest.ts'

export interface Options {
  directory: string
  workers: number
  kill: boolean
  /** Whether relays stand between the server and its workers. */
  tree: boolean
  /** Where to write the manifest. */
  manifest: string | undefined
}

/** Arguments that make no sense; the message is for whoever typed them. */
export class UsageError extends Error {}

export const help = `Computes the SHA-256 of every file below a directory, with netqueue: a server
hands the paths to worker processes over TCP, and kills one in the middle.
With --tree it hands them to two relay processes, each with its part of the
workers, and kills a relay: its workers go over to the other one.

  npm start [DIRECTORY] [-- OPTIONS]

  DIRECTORY        what to read; links are not followed (this checkout)
  --workers N      worker processes, up to 64 (4)
  --tree           puts two relays between the server and its workers
  --no-kill        lets all of them live
  --manifest FILE  writes the hashes there, as sha256sum does
  --help           shows this

Exit codes
  0    every file was hashed once and as one process alone does it, and what
       who was killed held was handed out again
  1    something of that does not hold
  2    wrong arguments
  130  interrupted`

const checkout = fileURLToPath(new URL('../../..', import.meta.url))
const MAX_WORKERS = 64

/** Reads the command line; `'help'` when that was asked for. Throws {@link UsageError}. */
export function readOptions(args: string[]): Options | 'help' {
  const { values, positionals } = parse(args)
  if (values.help) return 'help'
  if (positionals.length > 1) throw new UsageError(`Expected one directory, got ${positionals.length}`)
  const kill = !values['no-kill']
  return {
    directory: readDirectory(positionals[0]),
    workers: readWorkers(values.workers, values),
    kill,
    tree: values.tree,
    manifest: values.manifest === undefined ? undefined : fromCaller(values.manifest),
  }
}

interface Parsed {
  values: { workers: string; tree: boolean; 'no-kill': boolean; manifest?: string; help: boolean }
  positionals: string[]
}

function parse(args: string[]): Parsed {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        workers: { type: 'string', default: '4' },
        tree: { type: 'boolean', default: false },
        'no-kill': { type: 'boolean', default: false },
        manifest: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function readDirectory(argument: string | undefined): string {
  const directory = argument === undefined ? resolve(checkout) : fromCaller(argument)
  try {
    // Tells more than stat: also whether it may be read.
    opendirSync(directory).closeSync()
  } catch (error) {
    throw new UsageError(`Cannot list the directory ${directory}: ${codeOf(error)}`)
  }
  return directory
}

function readWorkers(argument: string, { tree, 'no-kill': spares }: Parsed['values']): number {
  const workers = Number(argument)
  const least = tree || !spares ? 2 : 1
  if (/^\d+$/.test(argument) && workers >= least && workers <= MAX_WORKERS) return workers
  const why = tree ? ' (each relay has one)' : ' (one is killed, see --no-kill)'
  const rule = `an integer from ${least} to ${MAX_WORKERS}${least === 1 ? '' : why}`
  throw new UsageError(`Expected \`--workers\` to be ${rule}, got \`${argument}\``)
}

/** npm runs scripts in the package's folder, and says where it was called. */
function fromCaller(path: string): string {
  return resolve(process.env['INIT_CWD'] ?? process.cwd(), path)
}
