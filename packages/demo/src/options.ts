import { opendirSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { codeOf } from './digest.ts'

export interface Options {
  directory: string
  workers: number
  kill: boolean
  /** Where to write the manifest. */
  manifest: string | undefined
}

/** Arguments that make no sense; the message is for whoever typed them. */
export class UsageError extends Error {}

export const help = `Computes the SHA-256 of every file below a directory, with netqueue: a server
hands the paths to worker processes over TCP, and kills one in the middle.

  npm start [DIRECTORY] [-- OPTIONS]

  DIRECTORY        what to read; links are not followed (this checkout)
  --workers N      worker processes, up to 64 (4)
  --no-kill        lets all workers live
  --manifest FILE  writes the hashes there, as sha256sum does
  --help           shows this

Exit codes
  0    every file was hashed once and as one process alone does it, and what
       the killed worker held was handed out again
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
    workers: readWorkers(values.workers, kill),
    kill,
    manifest: values.manifest === undefined ? undefined : fromCaller(values.manifest),
  }
}

interface Parsed {
  values: { workers: string; 'no-kill': boolean; manifest?: string; help: boolean }
  positionals: string[]
}

function parse(args: string[]): Parsed {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        workers: { type: 'string', default: '4' },
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

function readWorkers(argument: string, kill: boolean): number {
  const workers = Number(argument)
  const least = kill ? 2 : 1
  if (/^\d+$/.test(argument) && workers >= least && workers <= MAX_WORKERS) return workers
  const rule = `an integer from ${least} to ${MAX_WORKERS}${kill ? ' (one is killed, see --no-kill)' : ''}`
  throw new UsageError(`Expected \`--workers\` to be ${rule}, got \`${argument}\``)
}

/** npm runs scripts in the package's folder, and says where it was called. */
function fromCaller(path: string): string {
  return resolve(process.env['INIT_CWD'] ?? process.cwd(), path)
}
