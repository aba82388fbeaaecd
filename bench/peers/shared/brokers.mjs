// @ts-check
// Starts servers that are programs of their own: each on a free loopback port, with a directory that nobody used before.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { portOf } from './tcp.mjs'

/** @import { ChildProcess } from 'node:child_process' */
/** @import { Broker } from '../peer.d.ts' */

const START_MS = 30_000
const STOP_MS = 5_000
const POLL_MS = 20
/** Most that is kept of what a server writes, to say why it did not start. */
const OUTPUT_CHARACTERS = 2_000

/**
 * @param {string} program a name, or the path that it has where it is not on the PATH
 * @param {string} debianPackage
 * @returns {Promise<string | undefined>}
 */
export async function missingProgram(program, debianPackage) {
  if (findProgram(program) !== undefined) return undefined
  return `the program ${program} is not there; this installs it: apt-get install -y ${debianPackage}`
}

/** @param {string} program */
function findProgram(program) {
  // Debian has servers in /usr/sbin, which a user's PATH often lacks.
  const folders = program.startsWith('/') ? [''] : [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']
  return folders.map((folder) => join(folder, program)).find(isExecutable)
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** @param {string} program */
function pathOf(program) {
  const path = findProgram(program)
  if (path === undefined) throw new Error(`The program ${program} is not there`)
  return path
}

/** @typedef {{ program: string, args?: string[], env?: Record<string, string> }} Command */

/**
 * Starts a server and waits until it takes connections.
 * @param {object} options
 * @param {string} options.scheme of its URL
 * @param {(place: { port: number, folder: string }) => Command} options.command what stays in the foreground
 * @param {(place: { folder: string }) => Command} [options.before] a helper that must run first, and as long as the server
 * @returns {Promise<Broker>}
 */
export async function startBroker({ scheme, command, before }) {
  const folder = mkdtempSync(join(tmpdir(), 'netqueue-bench-'))
  const port = await freePort()
  /** @type {Program[]} */
  const programs = []
  // When this process ends before `stop` was called, nothing stays behind.
  const abandon = () => {
    for (const program of programs) program.kill()
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  }
  const interrupted = () => process.exit(130)
  process.once('exit', abandon)
  process.once('SIGINT', interrupted)
  process.once('SIGTERM', interrupted)
  const stop = async () => {
    for (const program of programs.toReversed()) await program.stop()
    process.off('exit', abandon)
    process.off('SIGINT', interrupted)
    process.off('SIGTERM', interrupted)
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  }
  try {
    if (before !== undefined) programs.push(new Program(before({ folder }), folder))
    const server = new Program(command({ port, folder }), folder)
    programs.push(server)
    await server.answers(port)
    return { url: `${scheme}://127.0.0.1:${port}`, pids: [server.pid], stop }
  } catch (error) {
    await stop()
    throw error
  }
}

class Program {
  #name
  /** @type {ChildProcess} */
  #process
  #output = ''
  /** @type {Error | undefined} */
  #failure
  /** @type {Promise<unknown>} */
  #ended

  /**
   * @param {Command} command
   * @param {string} folder
   */
  constructor({ program, args = [], env = {} }, folder) {
    this.#name = program
    this.#process = spawn(pathOf(program), args, {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const keep = (/** @type {Buffer} */ text) => (this.#output = (this.#output + text).slice(-OUTPUT_CHARACTERS))
    this.#process.stdout?.on('data', keep)
    this.#process.stderr?.on('data', keep)
    this.#ended = once(this.#process, 'exit').catch((error) => (this.#failure = error))
  }

  get pid() {
    return Number(this.#process.pid)
  }

  get #isAlive() {
    return this.#failure === undefined && this.#process.exitCode === null && this.#process.signalCode === null
  }

  /** @param {number} port */
  async answers(port) {
    const end = performance.now() + START_MS
    while (!(await takesConnections(port))) {
      if (!this.#isAlive) throw new Error(`${this.#name} ended at once\n${this.#failure ?? this.#output}`)
      if (performance.now() > end) throw new Error(`${this.#name} does not answer\n${this.#output}`)
      await delay(POLL_MS)
    }
  }

  kill() {
    this.#process.kill('SIGKILL')
  }

  async stop() {
    if (!this.#isAlive) return
    this.#process.kill('SIGTERM')
    const late = setTimeout(() => this.kill(), STOP_MS)
    await this.#ended
    clearTimeout(late)
  }
}

/** @param {number} port */
async function takesConnections(port) {
  const socket = connect({ port, host: '127.0.0.1' })
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** That nobody listens at now; a server that takes a port of its own choice does not say which. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const port = portOf(server)
  server.close()
  await once(server, 'close')
  return port
}

/**
 * Asks again and again, for what a broker does not tell by itself.
 * @param {() => Promise<boolean>} isTrue
 */
export async function until(isTrue) {
  while (!(await isTrue())) await delay(1)
}
