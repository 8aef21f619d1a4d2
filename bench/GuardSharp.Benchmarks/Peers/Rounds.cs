using System.Globalization;

namespace GuardSharp.Benchmarks.Peers;

/// <summary>Results of contestants that took turns, round by round.</summary>
internal sealed class Rounds
{
    private readonly Dictionary<string, List<double>> results = [];
    private readonly List<string> names = [];

    /// <summary>Adds a contestant's result of the current round.</summary>
    public void Add(string name, double value)
    {
        if (!results.TryGetValue(name, out var list))
        {
            results.Add(name, list = []);
            names.Add(name);
        }

        list.Add(value);
    }

    /// <summary>Prints median and extremes of every contestant.</summary>
    public void Print(string title, string unit)
    {
        Console.WriteLine($"\n| {title} | median {unit} | least | most | rounds |\n|---|---|---|---|---|");
        foreach (var name in names)
        {
            var values = results[name];
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {Median(values):F1} | {values.Min():F1} | {values.Max():F1} | {values.Count} |"));
        }
    }

    /// <summary>Prints how often one result holds another: the median of the rounds' ratios, and the ratio of the best results.</summary>
    /// <param name="one">Above the line.</param>
    /// <param name="others">Below it: the contestant with the best median.</param>
    /// <param name="least">The ratio that was asked for.</param>
    /// <param name="isTime">True: less is better, and the ratio is turned over.</param>
    public void PrintRatio(string one, IReadOnlyList<string> others, double least, bool isTime)
    {
        var present = others.Where(results.ContainsKey).ToList();
        if (!results.TryGetValue(one, out var ours) || present.Count == 0)
        {
            return;
        }

        var other = isTime ? present.MinBy(name => Median(results[name]))! : present.MaxBy(name => Median(results[name]))!;
        var theirs = results[other];
        double Ratio(double a, double b) => isTime ? b / a : a / b;
        var ratios = ours.Zip(theirs, Ratio).ToList();
        var best = isTime ? Ratio(ours.Min(), theirs.Min()) : Ratio(ours.Max(), theirs.Max());
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| {one} against {other} | {Median(ratios):F2} | {best:F2} | {least:F1} | {(Median(ratios) >= least ? "yes" : "no")} |"));
    }

    /// <summary>Prints the head of the ratios' table.</summary>
    public static void PrintRatioHead() => Console.WriteLine("\n| ratio | median of the rounds | best against best | asked for | reached |\n|---|---|---|---|---|");

    private static double Median(List<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }
}
