import { expect, test } from 'vitest'
import { host, takeInput } from '../env/host.ts'
import type { Bytes } from '../transport/transport.ts'
import { Outgoing } from './outgoing.ts'
import { PromptOutgoing } from './prompt-outgoing.ts'

const turn = (): Promise<void> => new Promise((resolve) => host.afterTurn(resolve))

test.each([
  ['whatever it is, of a relay', PromptOutgoing, 'wake'],
  ['where it says so', Outgoing, 'wakeSoon'],
] as const)(
  'a frame that follows from a piece leaves before any promise of that turn, with all that the piece brought about: %s',
  async (_, Kind, wake) => {
    const due: number[] = []
    const said: string[] = []
    const outgoing = new Kind({
      env: host,
      keepOpen: false,
      hasMore: false,
      flushed: () => {},
      saidAll: () => {},
      nextFrame: () => (due.length === 0 ? undefined : Uint8Array.from(due.splice(0))),
    })
    const puller = {
      onPiece: (frame: Bytes): void => void said.push(`frame ${frame.subarray().join()}`),
      onEnd: (): void => {},
      onError: (): void => {},
    }
    outgoing.pull(puller)
    await turn()
    takeInput(
      {
        onPiece(pieces: readonly number[]): void {
          void Promise.resolve().then(() => said.push('promise'))
          for (const piece of pieces) {
            due.push(piece)
            outgoing[wake]()
          }
        },
      },
      [1, 2],
    )
    expect(said).toEqual(['frame 1,2'])
    await turn()
    expect(said).toEqual(['frame 1,2', 'promise'])
    outgoing.pull(puller)
    due.push(3)
    outgoing[wake]()
    expect(said).toHaveLength(2)
    await turn()
    expect(said).toEqual(['frame 1,2', 'promise', 'frame 3'])
  },
)
