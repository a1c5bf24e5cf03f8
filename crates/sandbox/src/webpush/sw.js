'use strict';
// A service worker as the hub's customers have one: it shows notifications and tells the hub what became of them. For subscriptions at the
// sandbox it fetches and decrypts the message itself (RFC 8188, 8291), which browsers otherwise do before the push event.

const text = new TextEncoder();
const subscriptions = new Map();

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

// From the browser's own push service.
self.addEventListener('push', (event) => {
  if (event.data) event.waitUntil(show(event.data.json()));
});

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  const { link, receipt_url: receipt } = event.notification.data ?? {};
  event.waitUntil(Promise.all([tell(receipt, 'opened'), link ? self.clients.openWindow(link) : undefined]));
});

self.addEventListener('message', (event) => {
  const { keys, fetch: id } = event.data;
  if (keys) subscriptions.set(keys.id, { ...keys, after: 0, busy: false });
  if (id) event.waitUntil(fetchNew(id).catch((error) => toPages({ problem: error.message })));
});

async function fetchNew(id) {
  const subscription = subscriptions.get(id);
  if (!subscription || subscription.busy) return;
  subscription.busy = true;
  try {
    const answer = await fetch(`/push/subscriptions/${id}?after=${subscription.after}`);
    if (!answer.ok) throw new Error(`the sandbox has forgotten the subscription (${answer.status})`);
    for (const { number, body } of (await answer.json()).messages) {
      subscription.after = number;
      const plain = await decrypt(Uint8Array.from(atob(body), (c) => c.charCodeAt(0)), subscription);
      await show(JSON.parse(new TextDecoder().decode(plain)));
    }
  } finally {
    subscription.busy = false;
  }
}

async function show(payload) {
  if (self.Notification?.permission === 'granted') {
    const { title, body, image, icon, tag } = payload;
    await self.registration.showNotification(title, { body, image, icon, tag, data: payload });
  }
  await toPages({ payload });
  await tell(payload.receipt_url, 'delivered');
}

// The answer is of no use here; a hub that is away must not lose the notification.
async function tell(receipt, event) {
  if (!receipt) return;
  try {
    await fetch(receipt, { method: 'POST', body: event, mode: 'no-cors', keepalive: true });
  } catch {
    // The notification was shown all the same.
  }
}

async function toPages(message) {
  for (const client of await self.clients.matchAll({ type: 'window' })) client.postMessage(message);
}

async function hkdf(salt, secret, info, length) {
  const key = await crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveBits']);
  return crypto.subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt, info }, key, length * 8);
}

function joined(...parts) {
  const bytes = parts.map((part) => new Uint8Array(part));
  const all = new Uint8Array(bytes.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of bytes) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

async function decrypt(body, { privateKey, publicKey, auth }) {
  const salt = body.slice(0, 16);
  const named = body[20];
  const sender = body.slice(21, 21 + named);
  const record = body.slice(21 + named);
  const curve = { name: 'ECDH', namedCurve: 'P-256' };
  const own = await crypto.subtle.importKey('jwk', privateKey, curve, false, ['deriveBits']);
  const theirs = await crypto.subtle.importKey('raw', sender, curve, false, []);
  const shared = await crypto.subtle.deriveBits({ name: 'ECDH', public: theirs }, own, 256);
  const input = await hkdf(auth, shared, joined(text.encode('WebPush: info\0'), publicKey, sender), 32);
  const contentKey = await hkdf(salt, input, text.encode('Content-Encoding: aes128gcm\0'), 16);
  const nonce = await hkdf(salt, input, text.encode('Content-Encoding: nonce\0'), 12);
  const key = await crypto.subtle.importKey('raw', contentKey, 'AES-GCM', false, ['decrypt']);
  const plain = new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv: nonce }, key, record));
  const end = plain.findLastIndex((byte) => byte !== 0);
  if (plain[end] !== 2) throw new Error('the message has more records than one');
  return plain.slice(0, end);
}
