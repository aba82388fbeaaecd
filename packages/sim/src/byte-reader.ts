/** Reads the fields of records. */
export class Reader {
  at = 0
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.at >= this.bytes.byteLength
  }

  u8(): number {
    const value = this.bytes[this.at]
    if (value === undefined) throw new Error('A record ends too early')
    this.at += 1
    return value
  }

  u16(): number {
    return this.u8() * 256 + this.u8()
  }

  varint(): number {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = this.u8()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
  }

  /** Bytes with their length before them. */
  block(): Uint8Array {
    const length = this.varint()
    const block = this.bytes.subarray(this.at, this.at + length)
    this.at += length
    return block
  }

  /** A path of docs/protocol.md §19.3. */
  path(): string[] {
    return Array.from({ length: this.varint() }, () => new TextDecoder().decode(this.block()))
  }
}
