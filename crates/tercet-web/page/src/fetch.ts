// Files next to the page.

/** The unmodified bytes of a file next to the page. `received` is called with the size of each chunk. */
export async function fetchBytes(name: string, received?: (bytes: number) => void): Promise<Uint8Array> {
  const response = await fetch(new URL(name, document.baseURI));
  if (!response.ok || !response.body) throw new Error(`${name} could not be loaded (${response.status})`);
  const counter = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(chunk, controller) {
      received?.(chunk.byteLength);
      controller.enqueue(chunk);
    },
  });
  return new Uint8Array(await new Response(response.body.pipeThrough(counter)).arrayBuffer());
}

/** Decompresses gzip. Other bytes are returned unchanged: some servers decompress `.gz` files themselves. */
export async function gunzip(bytes: Uint8Array): Promise<Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>])
    .stream()
    .pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
