// Images that people give: what is shown of them and what is sent are the same pixels.

const SENT = ['image/png', 'image/jpeg'];

/** Reads an image file.
 * @returns name, bitmap (upright), blob (PNG or JPEG as servers read it), and a note on what was done to it.
 * @throws Error, in words, where the browser cannot read it. */
export async function readImage(file) {
  const name = file.name || 'the image pasted';
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error(`${name} is no image that this browser can read; choose a PNG or JPEG file.`);
  }

  // Servers take pixels as they are stored.
  const isTurned = file.type === 'image/jpeg' && orientation(await file.slice(0, 1 << 17).arrayBuffer()) > 1;
  if (SENT.includes(file.type) && !isTurned) return { name, bitmap, blob: file, note: '' };
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  canvas.getContext('2d').drawImage(bitmap, 0, 0);
  const blob = await new Promise(done => canvas.toBlob(done, 'image/png'));
  if (!blob) throw new Error(`${name} is too large to be converted here; choose a PNG file.`);
  return { name, bitmap, blob, note: isTurned ? 'Turned upright as the file says.' : 'Sent as PNG.' };
}

/** Listens for images that are chosen in a file input, dropped on the page, or pasted.
 * @param input the file input.
 * @param zone what is marked while something is dragged over the page.
 * @param take is given each file. */
export function takeImages(input, zone, take) {
  input.addEventListener('change', () => input.files[0] && take(input.files[0]));
  for (const type of ['dragover', 'dragleave', 'drop']) {
    // Beside the zone, too: else the browser would leave the page for the file.
    document.addEventListener(type, event => {
      event.preventDefault();
      zone.classList.toggle('over', type === 'dragover');
      if (type === 'drop' && event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
    });
  }

  document.addEventListener('paste', event => {
    const file = [...(event.clipboardData?.files ?? [])].find(one => one.type.startsWith('image/'));
    if (file) take(file);
  });
}

/** The orientation that a JPEG file's EXIF data tell, from 1 (upright) to 8; 1 where they tell none. */
export function orientation(buffer) {
  const view = new DataView(buffer);
  const has = (offset, count) => offset + count <= view.byteLength;
  if (!has(0, 2) || view.getUint16(0) !== 0xffd8) return 1;
  for (let at = 2; has(at, 4) && view.getUint8(at) === 0xff && view.getUint8(at + 1) !== 0xda; at += 2 + view.getUint16(at + 2)) {
    if (view.getUint8(at + 1) !== 0xe1 || !has(at, 18) || view.getUint32(at + 4) !== 0x45786966) continue;
    const tiff = at + 10;
    const little = view.getUint16(tiff) === 0x4949;
    const first = tiff + view.getUint32(tiff + 4, little);
    if (!has(first, 2)) return 1;
    for (let i = 0; i < view.getUint16(first, little); i++) {
      const entry = first + 2 + 12 * i;
      if (!has(entry, 10)) return 1;
      if (view.getUint16(entry, little) === 0x0112) return view.getUint16(entry + 8, little);
    }
  }

  return 1;
}
