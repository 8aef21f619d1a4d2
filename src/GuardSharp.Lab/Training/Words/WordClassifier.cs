namespace GuardSharp.Lab.Training.Words;

/// <summary>One row for a <see cref="WordClassifier"/>.</summary>
/// <param name="Features">The text.</param>
/// <param name="Target">What to learn, one number an output: a probability each (one output) or a distribution (several).</param>
/// <param name="Weight">How much the row counts; 1 is normal.</param>
internal sealed record WordExample(WordFeatures Features, float[] Target, float Weight);

/// <summary>Linear logistic regression over hashed words: one output is a probability (sigmoid), several are a distribution (softmax).</summary>
/// <remarks>AdaGrad (Duchi et al. 2011): a rare word keeps a large step.</remarks>
/// <param name="outputs">Number of outputs.</param>
internal sealed class WordClassifier(int outputs)
{
    private const float Rate = 0.4f;
    private const float Epsilon = 1e-2f;
    private readonly float[] _weights = new float[WordFeatures.Size * outputs];
    private readonly float[] _squares = new float[WordFeatures.Size * outputs];
    private readonly float[] _bias = new float[outputs];

    /// <summary>Goes over the examples some times, each time in another order.</summary>
    public void Learn(WordExample[] examples, int epochs, int seed)
    {
        var random = new Random(seed);
        var order = (WordExample[])examples.Clone();
        var errors = new float[outputs];
        for (var epoch = 0; epoch < epochs; epoch++)
        {
            random.Shuffle(order);
            foreach (var example in order)
            {
                var judged = Judge(example.Features);
                for (var output = 0; output < outputs; output++)
                    errors[output] = (judged[output] - example.Target[output]) * example.Weight;
                Move(example.Features, errors);
            }
        }
    }

    /// <summary>The probabilities of a text.</summary>
    public float[] Judge(WordFeatures features)
    {
        var scores = (float[])_bias.Clone();
        for (var at = 0; at < features.Indices.Length; at++)
        {
            var (first, value) = (features.Indices[at] * outputs, features.Values[at]);
            for (var output = 0; output < outputs; output++)
                scores[output] += _weights[first + output] * value;
        }

        if (outputs == 1)
            return [1 / (1 + MathF.Exp(-scores[0]))];
        var largest = scores.Max();
        var sum = 0f;
        for (var output = 0; output < outputs; output++)
            sum += scores[output] = MathF.Exp(scores[output] - largest);
        for (var output = 0; output < outputs; output++)
            scores[output] /= sum;
        return scores;
    }

    private void Move(WordFeatures features, float[] errors)
    {
        for (var output = 0; output < outputs; output++)
            _bias[output] -= 0.01f * errors[output];
        for (var at = 0; at < features.Indices.Length; at++)
        {
            var (first, value) = (features.Indices[at] * outputs, features.Values[at]);
            for (var output = 0; output < outputs; output++)
            {
                var gradient = errors[output] * value;
                ref var square = ref _squares[first + output];
                square += gradient * gradient;
                _weights[first + output] -= Rate * gradient / MathF.Sqrt(square + Epsilon);
            }
        }
    }
}
