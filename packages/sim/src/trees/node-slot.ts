import { newProcess } from '../schedule.ts'
import type { Place } from './plan.ts'
import type { TreeWorld } from './tree-world.ts'

/** A place for one node after the other. */
export class NodeSlot<N extends { readonly over: Promise<unknown> }> {
  node: N | undefined
  /** Nobody comes any more. */
  isClosed = false
  readonly place: Place
  readonly #world: TreeWorld
  readonly #begin: (world: TreeWorld, place: Place) => N

  constructor(world: TreeWorld, place: Place, begin: (world: TreeWorld, place: Place) => N) {
    this.#world = world
    this.place = place
    this.#begin = begin
  }

  start(ms: number): void {
    this.#world.schedule.after(ms, newProcess('slot'), () => {
      if (this.isClosed) return
      const node = this.#begin(this.#world, this.place)
      this.node = node
      void node.over.then(() => this.start(this.#world.random.between(1, 300)))
    })
  }
}
