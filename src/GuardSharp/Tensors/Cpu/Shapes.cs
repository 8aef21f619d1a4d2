using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace GuardSharp.Tensors.Cpu;

/// <summary>Refuses shapes that do not fit together; every message names both.</summary>
internal static class Shapes
{
    public static void Same(Tensor a, Tensor b, [CallerMemberName] string operation = "")
    {
        if (a.Rows != b.Rows || a.Columns != b.Columns)
        {
            Refuse($"{operation}: {Of(a)} and {Of(b)} must have the same shape.");
        }
    }

    public static void SameColumns(Tensor a, Tensor b, [CallerMemberName] string operation = "")
    {
        if (a.Columns != b.Columns)
        {
            Refuse($"{operation}: {Of(a)} and {Of(b)} must have the same number of columns.");
        }
    }

    /// <summary>A weight that multiplies the rows of x.</summary>
    public static void Product(Tensor x, Weight weight, [CallerMemberName] string operation = "")
    {
        if (x.Columns != weight.Columns)
        {
            Refuse($"{operation}: {Of(x)} cannot be multiplied with the transpose of {Of(weight)}: the columns must be equal.");
        }
    }

    /// <summary>A bias for the outputs of a weight.</summary>
    public static void Bias(Weight weight, Weight bias, [CallerMemberName] string operation = "")
    {
        if (bias.Rows != 1 || bias.Columns != weight.Rows)
        {
            Refuse($"{operation}: the bias {Of(bias)} does not fit {Of(weight)}: it must be [1, {weight.Rows}].");
        }
    }

    /// <summary>A vector for each of the equal parts of a row.</summary>
    public static void Vector(Tensor x, Weight? vector, int groups, [CallerMemberName] string operation = "")
    {
        if (groups < 1 || x.Columns % groups != 0 || (vector is not null && (vector.Rows != 1 || vector.Columns != x.Columns / groups)))
        {
            Refuse($"{operation}: {Of(x)} in {groups} parts does not fit {(vector is null ? "no weight" : Of(vector))}: each part of a row must be as long as the weight.");
        }
    }

    public static void Index(int index, int count, [CallerMemberName] string operation = "")
    {
        if ((uint)index >= (uint)count)
        {
            Refuse($"{operation}: row {index} does not exist: there are {count}.");
        }
    }

    [DoesNotReturn]
    public static void Refuse(string message) => throw new ArgumentException(message);

    public static string Of(Tensor tensor) => $"[{tensor.Rows}, {tensor.Columns}]";

    public static string Of(Weight weight) => $"{weight.Name} [{weight.Rows}, {weight.Columns}]";
}
