// @ts-check
// Starts the processes of a workload. A role is a function that a workload exports; it runs in a process of its own and returns
// the methods by which the workload drives it from here.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { micros } from './cpu.mjs'
import { sum } from './statistics.mjs'

/** @import { Serializable } from 'node:child_process' */
/** @import { Setting } from './peers/peer.d.ts' */

/**
 * @template {Record<string, (...args: never[]) => Promise<unknown>>} Methods
 * @typedef {object} Actor
 * @property {Methods} methods
 * @property {() => Promise<void>} kill kill -9
 * @property {() => void} freeze SIGSTOP: it is there, and does nothing any more
 */

/** What a child sends back for a call. @typedef {{ id: number, value?: unknown, error?: string }} Reply */

const ROLE = fileURLToPath(new URL('role.mjs', import.meta.url))
const STOP_MS = 3_000

/** The processes of one round. */
export class Stage {
  #workload
  #peer
  #setting
  /** Of the broker that stands between the processes; empty without one. */
  brokerPids
  /** @type {Set<Child>} */
  #children = new Set()

  /** @param {{ workload: string, peer: string, setting: Setting, brokerPids: readonly number[] }} options */
  constructor({ workload, peer, setting, brokerPids }) {
    this.#workload = workload
    this.#peer = peer
    this.#setting = setting
    this.brokerPids = brokerPids
  }

  /**
   * @template {Record<string, (...args: never[]) => Promise<unknown>>} Methods
   * @param {(peer: string, setting: Setting) => Promise<Methods>} role exported by the workload under its own name
   * @param {{ nodeOptions?: string[] }} [options]
   * @returns {Actor<Methods>}
   */
  start(role, { nodeOptions = [] } = {}) {
    const child = new Child([this.#workload, this.#peer, role.name], this.#setting, nodeOptions)
    this.#children.add(child)
    const methods = new Proxy(
      /** @type {Methods} */ ({}),
      {
        get:
          (_, method) =>
          /** @param {Serializable[]} args */
          (...args) =>
            child.call(String(method), args),
      },
    )
    return { methods, kill: () => child.kill(), freeze: () => child.freeze() }
  }

  /** CPU time that all processes of this round took so far, their broker's included; a killed one's is not. */
  async cpuMicros() {
    const ours = await Promise.all(
      [...this.#children].filter(({ isAlive }) => isAlive).map((child) => child.cpuMicros()),
    )
    return sum([...ours, ...this.brokerPids.map(micros)])
  }

  /** Ends all processes that still run. */
  async strike() {
    await Promise.all([...this.#children].map((child) => child.stop()))
    this.#children.clear()
  }
}

class Child {
  #process
  #name
  #calls = 0
  /** @type {Map<number, { resolve: (value: unknown) => void, reject: (error: Error) => void }>} */
  #waiting = new Map()
  #stderr = ''
  /** @type {Promise<void>} */
  #exited

  /**
   * @param {[workload: string, peer: string, role: string]} names
   * @param {Setting} setting
   * @param {string[]} nodeOptions
   */
  constructor(names, setting, nodeOptions) {
    this.#name = names.join(' ')
    this.#process = fork(ROLE, [...names, JSON.stringify(setting)], {
      execArgv: nodeOptions,
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    })
    this.#process.stderr?.on('data', (/** @type {Buffer} */ text) => (this.#stderr += text))
    this.#process.on('message', (reply) => this.#replied(/** @type {Reply} */ (reply)))
    this.#exited = this.#untilExit()
  }

  get isAlive() {
    return this.#process.connected
  }

  async cpuMicros() {
    return /** @type {number} */ (await this.call('cpuMicros', []))
  }

  /**
   * @param {string} method
   * @param {Serializable[]} args
   */
  call(method, args) {
    const id = (this.#calls += 1)
    /** @type {Promise<unknown>} */
    const reply = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
    this.#process.send({ id, method, args }, (error) => error && this.#replied({ id, error: error.message }))
    return reply
  }

  async kill() {
    this.#process.kill('SIGKILL')
    await this.#exited
  }

  freeze() {
    this.#process.kill('SIGSTOP')
  }

  /** By closing the channel, at which a child leaves; by force where it does not. */
  async stop() {
    if (this.#process.connected) this.#process.disconnect()
    const late = setTimeout(() => this.#process.kill('SIGKILL'), STOP_MS)
    await this.#exited
    clearTimeout(late)
  }

  async #untilExit() {
    // Not 'close': it does not come when the channel was closed from here.
    const [[code, signal]] = await Promise.all([
      once(this.#process, 'exit'),
      this.#process.stderr && once(this.#process.stderr, 'close'),
    ])
    const error = new Error(`${this.#name} ended (${signal ?? code})\n${this.#stderr}`.trim())
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }

  /** @param {Reply} reply */
  #replied({ id, value, error }) {
    const call = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error === undefined) call?.resolve(value)
    else call?.reject(new Error(error))
  }
}
