// @ts-check
// The program in C: compiled when it is first wanted, and a process of it.

import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const SOURCE = fileURLToPath(new URL('peer.c', import.meta.url))
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/', import.meta.url))
const INSTALL = 'apt-get install gcc libc6-dev'

/** @returns {string | undefined} why there is none */
export function compiled() {
  const program = path()
  if (existsSync(program)) return undefined
  mkdirSync(CACHE, { recursive: true })
  const unfinished = `${program}.${process.pid}`
  try {
    execFileSync('cc', ['-O2', '-o', unfinished, SOURCE], { stdio: ['ignore', 'ignore', 'pipe'] })
  } catch (error) {
    const { code, message } = /** @type {NodeJS.ErrnoException} */ (error)
    return code === 'ENOENT' ? `there is no C compiler (${INSTALL})` : `it does not compile (${INSTALL}): ${message}`
  }
  renameSync(unfinished, program)
  return undefined
}

/** Named after what it is made of, so that a change of the source is noticed. */
function path() {
  return `${CACHE}netqueue-peer-${createHash('sha256').update(readFileSync(SOURCE)).digest('hex').slice(0, 16)}`
}

/** A process of the program, which ends with this one. When it fails, so does this process. */
export class Program {
  #process
  #lines
  /** Resolves when it has ended well. */
  done

  /** @param {(string | number)[]} args */
  constructor(...args) {
    this.#process = spawn(path(), args.map(String), { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]()
    this.done = once(this.#process, 'exit').then(([code, signal]) => {
      if (code !== 0) throw new Error(`The program in C ended (${signal ?? code})`)
    })
    process.once('exit', () => this.#process.kill())
  }

  /** The next line that it wrote. */
  async line() {
    const { value, done = false } = await this.#lines.next()
    if (done) throw new Error('The program in C says nothing more')
    return /** @type {string} */ (value)
  }

  /** All lines from here on. */
  lines() {
    return { [Symbol.asyncIterator]: () => this.#lines }
  }

  /** @param {string} line */
  tell(line) {
    this.#process.stdin.write(`${line}\n`)
  }
}
