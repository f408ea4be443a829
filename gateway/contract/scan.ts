/** Looks for a credential in one answer: made by whoever placed it into the request, asked by whoever reads the answer. */

export interface AnswerScan {
  /** A piece that is whole by itself: a head, trailers, a decoded body. True: the credential stands in it. */
  holds(piece: Buffer): boolean
  /**
   * The next bytes of the body. Returns those that may leave: what could be the beginning of the credential is held back
   * until more is known, or until `last`. Undefined: it stands there, and nothing more may leave.
   */
  pass(chunk: Buffer, last: boolean): Buffer | undefined
  /** What is still held back, once no more comes. */
  rest(): Buffer
}
