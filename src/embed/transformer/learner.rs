//! [`Learner`]: the encoder's network in training. Texts in, unit vectors out; gradients of those vectors in, gradients
//! of the weights out. Each thread has its own copy of the network and takes its share of a batch. Knows no loss, no
//! optimizer and no data.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use tch::{Kind, Tensor};

use super::folder::Shape;
use super::network::Network;
use super::tokens::Tokens;
use super::worker::caught;
use super::{TransformerError, Variable, blas};

/// Padded tokens computed in one pass; texts of like length go together.
const PASS_TOKENS: usize = 2_048;

enum Order {
    /// New weights, all variables one behind the other.
    Load(Arc<[f32]>),
    /// Vectors of texts; whether the way back is kept.
    Forward(Vec<Tokens>, bool),
    /// Gradients of the vectors of the last kept forward pass.
    Backward(Vec<f32>),
}

type Numbers = Result<Vec<f32>, TransformerError>;

struct Copy {
    orders: Option<Sender<Order>>,
    replies: Receiver<Numbers>,
    thread: Option<JoinHandle<()>>,
}

/// A network in training.
pub(in crate::embed) struct Learner {
    copies: Vec<Copy>,
    variables: Vec<Variable>,
    width: usize,
    /// Which texts of the last batch each copy has.
    shares: Vec<Vec<usize>>,
}

impl Learner {
    /// A network of `shape`, computed by `threads`.
    pub(in crate::embed) fn start(shape: &Shape, threads: usize) -> Result<Self, TransformerError> {
        blas::limit(1);
        let copies: Result<Vec<Copy>, _> = (0..threads.max(1)).map(|_| Copy::start(shape)).collect();
        let variables = variables(&Network::untrained(shape));
        let width = usize::try_from(shape.hidden).unwrap_or(0);
        Ok(Self { copies: copies?, variables, width, shares: Vec::new() })
    }

    /// The variables, in the order of the weights.
    pub(in crate::embed) fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// Sets all weights.
    pub(in crate::embed) fn load(&mut self, weights: &[f32]) -> Result<(), TransformerError> {
        let weights: Arc<[f32]> = weights.into();
        self.copies.iter().for_each(|copy| copy.order(Order::Load(Arc::clone(&weights))));
        self.copies.iter().try_for_each(|copy| copy.reply().map(drop))
    }

    /// Unit vectors of `texts`, in order, without a way back.
    pub(in crate::embed) fn encode(&mut self, texts: Vec<Vec<i64>>) -> Numbers {
        self.run(texts, false)
    }

    /// Unit vectors of `texts`, in order; [`Learner::backward`] goes back from them.
    pub(in crate::embed) fn forward(&mut self, texts: Vec<Vec<i64>>) -> Numbers {
        self.run(texts, true)
    }

    /// Gradients of the weights, given those of the last forward pass's vectors.
    pub(in crate::embed) fn backward(&mut self, gradients: &[f32]) -> Numbers {
        for (copy, share) in self.copies.iter().zip(&self.shares) {
            let rows = share.iter().flat_map(|&at| &gradients[at * self.width..][..self.width]);
            copy.order(Order::Backward(rows.copied().collect()));
        }
        let mut sum: Vec<f32> = Vec::new();
        // In the order of the copies, so that a run can be repeated to the last bit.
        for copy in
            self.copies.iter().zip(&self.shares).filter(|(_, share)| !share.is_empty()).map(|both| both.0)
        {
            let own = copy.reply()?;
            if sum.is_empty() {
                sum = own;
            } else {
                sum.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
            }
        }
        Ok(sum)
    }

    fn run(&mut self, texts: Vec<Vec<i64>>, keep: bool) -> Numbers {
        let count = texts.len();
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by_key(|&at| texts[at].len());
        let copies = self.copies.len();
        self.shares =
            (0..copies).map(|first| order.iter().copied().skip(first).step_by(copies).collect()).collect();
        let mut texts: Vec<Option<Vec<i64>>> = texts.into_iter().map(Some).collect();
        for (copy, share) in self.copies.iter().zip(&self.shares) {
            let own = share.iter().filter_map(|&at| texts[at].take());
            let tokens = own.map(|ids| Tokens { types: vec![0; ids.len()], ids }).collect();
            copy.order(Order::Forward(tokens, keep));
        }
        let mut out = vec![0.0; count * self.width];
        for (copy, share) in self.copies.iter().zip(&self.shares) {
            let rows = copy.reply()?;
            for (&at, row) in share.iter().zip(rows.chunks_exact(self.width)) {
                out[at * self.width..][..self.width].copy_from_slice(row);
            }
        }
        Ok(out)
    }
}

impl Drop for Learner {
    fn drop(&mut self) {
        for copy in &mut self.copies {
            drop(copy.orders.take());
            if let Some(thread) = copy.thread.take() {
                // A thread that panicked has said so already.
                let _ = thread.join();
            }
        }
    }
}

impl Copy {
    fn start(shape: &Shape) -> Result<Self, TransformerError> {
        let (orders, inbox) = channel();
        let (outbox, replies) = channel();
        let shape = shape.clone();
        let thread = std::thread::Builder::new().name("madoguchi-learner".to_owned()).spawn(move || {
            tch::set_num_threads(1);
            let network = Network::untrained(&shape);
            let mut kept = None;
            for order in inbox {
                // Nobody may wait for the reply any more; then the inbox is closed too.
                let _ = outbox.send(caught(|| obey(&network, &mut kept, order)));
            }
        });
        let thread =
            thread.map_err(|error| TransformerError::Failed(format!("no thread for it: {error}")))?;
        Ok(Self { orders: Some(orders), replies, thread: Some(thread) })
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // A thread that has ended says so in the reply that does not come.
            let _ = orders.send(order);
        }
    }

    fn reply(&self) -> Numbers {
        self.replies
            .recv()
            .unwrap_or_else(|_| Err(TransformerError::Failed("its thread has ended".to_owned())))
    }
}

fn variables(network: &Network) -> Vec<Variable> {
    let sized = |(name, tensor): (String, Tensor)| Variable {
        name,
        size: tensor.size().iter().map(|&n| usize::try_from(n).unwrap_or(0)).collect(),
    };
    network.variables().into_iter().map(sized).collect()
}

fn obey(network: &Network, kept: &mut Option<Tensor>, order: Order) -> Numbers {
    match order {
        Order::Load(weights) => load(network, &weights).map(|()| Vec::new()),
        Order::Forward(texts, _) if texts.is_empty() => {
            *kept = None;
            Ok(Vec::new())
        }
        Order::Forward(texts, true) => {
            let vectors = vectors(network, &texts)?;
            let rows = flat(&vectors);
            *kept = Some(vectors);
            Ok(rows)
        }
        Order::Forward(texts, false) => Ok(flat(&tch::no_grad(|| vectors(network, &texts))?)),
        Order::Backward(gradients) => match kept.take() {
            None if gradients.is_empty() => Ok(Vec::new()),
            None => Err(TransformerError::Failed("there is no pass to go back".to_owned())),
            Some(vectors) => backward(network, &vectors, &gradients),
        },
    }
}

fn load(network: &Network, weights: &[f32]) -> Result<(), TransformerError> {
    let mut rest = weights;
    tch::no_grad(|| {
        for mut variable in network.variables().into_values() {
            let (own, others) = rest.split_at_checked(variable.numel()).ok_or_else(|| {
                TransformerError::Failed("there are fewer weights than variables".to_owned())
            })?;
            variable.copy_(&Tensor::of_slice(own).view(variable.size().as_slice()));
            rest = others;
        }
        Ok(())
    })
}

/// One row per text, those of like length computed together.
fn vectors(network: &Network, texts: &[Tokens]) -> Result<Tensor, TransformerError> {
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by_key(|&at| texts[at].ids.len());
    let mut passes: Vec<Vec<&Tokens>> = Vec::new();
    for text in order.iter().map(|&at| &texts[at]) {
        match passes.last_mut() {
            Some(pass) if (pass.len() + 1) * text.ids.len() <= PASS_TOKENS => pass.push(text),
            _ => passes.push(vec![text]),
        }
    }
    let rows: Result<Vec<Tensor>, _> = passes.iter().map(|pass| network.numbers(pass)).collect();
    let mut places = vec![0_i64; order.len()];
    (0..).zip(&order).for_each(|(place, &at)| places[at] = place);
    Ok(Tensor::cat(&rows?, 0).index_select(0, &Tensor::of_slice(&places)))
}

fn backward(network: &Network, vectors: &Tensor, gradients: &[f32]) -> Numbers {
    let gradients = Tensor::of_slice(gradients).view(vectors.size().as_slice());
    let sum = (vectors * gradients).sum(Kind::Float);
    let variables: Vec<Tensor> = network.variables().into_values().collect();
    let found = Tensor::f_run_backward(&[sum], &variables, false, false)
        .map_err(|error| TransformerError::Failed(error.to_string()))?;
    let mut out = Vec::with_capacity(found.iter().map(Tensor::numel).sum());
    found.iter().for_each(|gradient| out.extend(flat(gradient)));
    Ok(out)
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    Vec::<f32>::from(&tensor.detach().contiguous().view([-1]))
}
