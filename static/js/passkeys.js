/* Passkeys: passes the server's request to the device, and submits its response in a plain form. Forms that need this are
   hidden in browsers without passkeys. */
(() => {
  const isNumber = /^[\d.]+$|^\[/.test(location.hostname); // passkeys work with host names only
  const able = !isNumber && Boolean(window.PublicKeyCredential?.parseRequestOptionsFromJSON);
  const each = (selector, change) => document.querySelectorAll(selector).forEach(change);
  let waiting = null; // the pending request behind the browser's autofill, until another one starts

  const settle = () => {
    each('form[data-passkey="get"]', (form) => { form.hidden = !able; });
    each('form[data-passkey="create"] button', (button) => { button.disabled = !able; });
    each('[data-no-passkeys]', (notice) => { notice.hidden = able; });
    offer();
  };

  /* The options, or null if the server redirects, for example to the sign-in page. */
  const question = async (form) => {
    const answer = await fetch(form.dataset.options, { method: 'POST', headers: { Accept: 'application/json' } });
    if (answer.redirected) {
      location.assign(answer.url);
      return null;
    }
    const said = await answer.json();
    if (!answer.ok) throw new Error(said.detail);
    return said.publicKey;
  };

  const ask = async (form, more = {}) => {
    const asked = await question(form);
    if (!asked) return;
    const credential = form.dataset.passkey === 'create'
      ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(asked), ...more })
      : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(asked), ...more });
    form.elements.credential.value = JSON.stringify(credential);
    const remember = document.querySelector('form input[type="checkbox"][name="remember"]:checked');
    if (remember) form.append(Object.assign(document.createElement('input'), { type: 'hidden', name: 'remember', value: 'y' }));
    form.submit();
  };

  const words = (error) => ({
    NotAllowedError: 'Nothing was done: it was cancelled, took too long, or this device has no passkey for it.',
    InvalidStateError: 'This device has a passkey for your account already.',
    SecurityError: 'Browsers allow no passkeys at this address.',
  })[error.name] ?? (error.name === 'Error' ? error.message : 'The device could not be asked. Try again.');

  document.addEventListener('submit', async (event) => {
    const form = event.target;
    if (!form.matches('form[data-passkey]')) return;
    event.preventDefault();
    waiting?.abort();
    const trouble = form.querySelector('[data-passkey-trouble]');
    const button = form.querySelector('button');
    trouble.textContent = '';
    button.disabled = true;
    try {
      await ask(form);
    } catch (error) {
      trouble.textContent = words(error);
      button.disabled = false;
    }
  });

  /* Let the browser offer passkeys in the address field, without a click. */
  const offer = async () => {
    const form = document.querySelector('form[data-passkey="get"]');
    const field = document.querySelector('input[autocomplete^="username"][type="email"]:not([readonly])');
    if (waiting?.form === form) return;
    waiting?.abort();
    waiting = null;
    if (!able || !form || !field) return;
    const mine = waiting = Object.assign(new AbortController(), { form });
    if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
    field.autocomplete = 'username webauthn';
    try {
      await ask(form, { mediation: 'conditional', signal: mine.signal });
    } catch { /* nobody asked for this: pressing the button will show the error */ }
  };

  document.addEventListener('htmx:after:swap', settle);
  settle();
})();
