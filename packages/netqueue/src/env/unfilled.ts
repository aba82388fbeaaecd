interface Host {
  Buffer?: { allocUnsafeSlow?(this: void, bytes: number): Uint8Array }
}

const allocate = (globalThis as Host).Buffer?.allocUnsafeSlow

/**
 * Memory that holds anything until it is written to: whoever takes it writes all of it before somebody else sees it. Filling it with zeros
 * first, as hosts without such memory do, takes half as long as what is then written to it.
 */
export const unfilled: (bytes: number) => Uint8Array =
  allocate === undefined ? (bytes) => new Uint8Array(bytes) : (bytes) => new Uint8Array(allocate(bytes).buffer)
