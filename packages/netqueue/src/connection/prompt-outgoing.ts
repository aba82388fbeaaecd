import { Outgoing } from './outgoing.ts'

/**
 * Frames that leave as soon as the piece was looked at from which they follow. A relay has nothing to add to them in the rest of the turn, and
 * to wait for that took a seventh of the instructions before it wrote a lone item.
 */
export class PromptOutgoing extends Outgoing {
  protected override later(callback: () => void): void {
    this.env.afterInput(callback)
  }
}
