"""Card payments through Stripe Checkout: begun here, paid there, believed only when signed or asked for."""
