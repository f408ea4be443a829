/** Books that cannot be used as they are: a sentence for the operator, inside the thread and outside. */

export class UnfitError extends Error {
  override name = 'UnfitError'
}

export class BooksError extends Error {
  override name = 'BooksError'
}
