// A picture file as pixels, by the browser's own decoders. What they let pass and a set of samples should not (a file that breaks off,
// a format that the native program does not read, more pixels than there is room for) is refused by what the file says of itself.

import { BadFile, words } from './stream';

export interface Pixels {
  width: number;
  height: number;
  /** Red, green, blue and alpha, row by row. */
  data: Uint8Array;
}

interface Facts {
  type: string;
  // Absent where the header does not say.
  size?: [number, number];
}

const starts = (bytes: Uint8Array, text: string, at = 0): boolean => [...text].every((char, i) => bytes[at + i] === char.charCodeAt(0));

/** What the file says of itself. */
function facts(bytes: Uint8Array): Facts {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length === 0) throw new BadFile('an empty file');
  try {
    if (bytes[0] === 0xff && bytes[1] === 0xd8) return jpeg(data);
    if (starts(bytes, '\x89PNG')) return png(data);
    if (starts(bytes, 'RIFF') && starts(bytes, 'WEBP', 8)) return webp(bytes, data);
    if (starts(bytes, 'BM')) return { type: 'image/bmp', size: [Math.abs(data.getInt32(18, true)), Math.abs(data.getInt32(22, true))] };
    if (starts(bytes, 'GIF8')) return { type: 'image/gif', size: [data.getUint16(6, true), data.getUint16(8, true)] };
  } catch (error) {
    // A header that ends too early.
    if (error instanceof RangeError) throw new BadFile('breaks off within its header');
    throw error;
  }
  throw new BadFile('no picture: neither JPEG nor PNG, WebP, BMP or GIF');
}

/** Browsers fill up what is missing with grey; a JPEG that is whole has an end marker behind its first scan. */
function jpeg(data: DataView): Facts {
  const breaksOff = new BadFile('breaks off: a JPEG without its end');
  let size: [number, number] | undefined;
  for (let at = 2; ; ) {
    // Between segments there may be bytes that belong to none.
    while (at < data.byteLength && data.getUint8(at) !== 0xff) at++;
    if (at + 1 >= data.byteLength) throw breaksOff;
    const marker = data.getUint8(++at);
    if (marker === 0xff || marker === 0) continue;
    if (marker === 0xd9) return size ? { type: 'image/jpeg', size } : { type: 'image/jpeg' };
    if (marker === 1 || (marker >= 0xd0 && marker <= 0xd8)) {
      at++;
    } else if (marker === 0xda) {
      for (let end = data.byteLength - 2; end >= at; end--) {
        if (data.getUint16(end) === 0xffd9) return size ? { type: 'image/jpeg', size } : { type: 'image/jpeg' };
      }
      throw breaksOff;
    } else {
      if (at + 3 > data.byteLength) throw breaksOff;
      const frame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
      if (frame) size = [data.getUint16(at + 6), data.getUint16(at + 4)];
      at += 1 + data.getUint16(at + 1);
    }
  }
}

function png(data: DataView): Facts {
  const size: [number, number] = [data.getUint32(16), data.getUint32(20)];
  // Chunks are a length, a name, the data and a checksum; the last one is IEND.
  for (let at = 8; at + 12 <= data.byteLength; at += 12 + data.getUint32(at)) {
    if (data.getUint32(at + 4) === 0x49454e44) return { type: 'image/png', size };
  }
  throw new BadFile('breaks off: a PNG without its end');
}

function webp(bytes: Uint8Array, data: DataView): Facts {
  if (8 + data.getUint32(4, true) > bytes.length) throw new BadFile('breaks off: a WebP without its end');
  const type = 'image/webp';
  const three = (at: number): number => 1 + data.getUint16(at, true) + 65536 * data.getUint8(at + 2);
  if (starts(bytes, 'VP8X', 12)) return { type, size: [three(24), three(27)] };
  if (starts(bytes, 'VP8L', 12)) {
    const packed = data.getUint32(21, true);
    return { type, size: [1 + (packed & 0x3fff), 1 + ((packed >>> 14) & 0x3fff)] };
  }
  return { type, size: [data.getUint16(26, true) & 0x3fff, data.getUint16(28, true) & 0x3fff] };
}

let canvas: OffscreenCanvas | null = null;

function surface(width: number, height: number): OffscreenCanvasRenderingContext2D {
  canvas ??= new OffscreenCanvas(width, height);
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  // Kept in memory: a canvas on the GPU would be read back at every picture.
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) throw new Error('this browser gives no canvas to read pictures with');
  return context;
}

/** Decodes a file of at most `limit` pixels, turned as its camera was held, over white paper. Throws a BadFile. */
export async function decode(bytes: Uint8Array, limit: number): Promise<Pixels> {
  const { type, size } = facts(bytes);
  const check = (width: number, height: number): void => {
    if (width * height === 0) throw new BadFile('a picture of no pixels');
    if (width * height > limit) throw new BadFile(`${width}x${height} pixels, more than the ${limit} that a picture may have`);
  };
  if (size) check(...size);
  if (typeof createImageBitmap !== 'function' || typeof OffscreenCanvas !== 'function') throw new Error('this browser cannot decode pictures here (it has no createImageBitmap or OffscreenCanvas)');
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(new Blob([bytes as BlobPart], { type }), { imageOrientation: 'from-image', colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
  } catch (error) {
    throw new BadFile(`cannot be decoded: ${words(error)}`);
  }
  const { width, height } = bitmap;
  try {
    check(width, height);
    const context = surface(width, height);
    context.fillStyle = '#fff';
    context.fillRect(0, 0, width, height);
    context.drawImage(bitmap, 0, 0);
    return { width, height, data: new Uint8Array(context.getImageData(0, 0, width, height).data.buffer) };
  } finally {
    bitmap.close();
  }
}
