/** Who pays in the benchmark of paid calls. */
export const PAYER = '0x1000000000000000000000000000000000000001'
